#include "squeeze.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace efiqa {
namespace {

constexpr double kFits = 0.85, kCircleFits = 0.75;  // share on the ellipse at least, and on the circle at most
constexpr double kEnd = 0.8, kFitsAtEnds = 0.6;  // beyond this share of its longer half axis more than that must lie on it
constexpr int kSeen = 4;                        // points at an end that is in the frame
constexpr double kAstray = 0.07;                // of the frame, along each side
constexpr double kNear = 1.3, kOn = 1.5;  // pixels from the ellipse and from a circle within which a point lies on it
constexpr double kLeast = 0.03, kMost = 2.5;  // smallest squeeze that is looked for, and the largest
constexpr double kQuadrant = 0.1;             // share of the outline in each quadrant at least

struct Ellipse {
    double x, y, across, down;  // middle and half axes
};

double share_on_circle(const Points &points, const Circle &circle) {
    const auto on = std::count_if(points.begin(), points.end(), [&](const Point &p) { return std::abs(off(p, circle)) < kOn; });
    return static_cast<double>(on) / static_cast<double>(points.size());
}

// By least squares; none where there is none. In units in which the points lie within 1 of their middle.
std::optional<Ellipse> fitted(const Points &points) {
    const Point middle = middle_of(points);
    double unit = 1e-6;
    for (const Point &p : points) unit = std::max({unit, std::abs(p.x - middle.x), std::abs(p.y - middle.y)});
    Equations<4> equations;
    for (const Point &p : points) {
        const double x = (p.x - middle.x) / unit, y = (p.y - middle.y) / unit;
        equations.add({-x * x, x, y, 1}, y * y);
    }
    std::array<double, 4> found;
    if (!equations.solve(found)) return std::nullopt;
    const auto [a, b, c, d] = found;
    if (!(a > 1e-3)) return std::nullopt;
    const double square = d + c * c / 4 + b * b / (4 * a);
    if (!(square > 0)) return std::nullopt;
    return Ellipse{middle.x + unit * b / (2 * a), middle.y + unit * c / 2, unit * std::sqrt(square / a), unit * std::sqrt(square)};
}

// How far a point is from an ellipse, about, in pixels.
double off_ellipse(const Point &p, const Ellipse &e) {
    return std::abs(length_of((p.x - e.x) / e.across, (p.y - e.y) / e.down) - 1) * (e.across + e.down) / 2;
}

// Whether an outline leaves the ellipse at an end of its longer axis, as a lens of two arcs does.
bool has_tips(const Points &points, const Ellipse &e) {
    for (const double end : {1.0, -1.0}) {
        int number = 0, on = 0;
        for (const Point &p : points) {
            const double along = e.across > e.down ? (p.x - e.x) / e.across : (p.y - e.y) / e.down;
            if (!(end * along > kEnd)) continue;
            ++number, on += off_ellipse(p, e) < kNear;
        }
        if (number >= kSeen && on < kFitsAtEnds * number) return true;
    }
    return false;
}

// The points of an outline that neither the frame nor a straight side made.
Points free_points(const Outline &outline, const View &brightness) {
    Points points;
    for (const Point &p : outline.hull) {
        if (at_border(brightness, p)) continue;
        const Box &box = outline.box;
        const bool inside = p.x > box[0] + 2 && p.x < box[2] - 2 && p.y > box[1] + 2 && p.y < box[3] - 2;
        if (outline.whole || inside) points.push_back(p);
    }
    return points;
}

// The ellipse of some points without what is clearly off it, twice.
std::optional<Ellipse> ellipse_of(const Points &points) {
    std::optional<Ellipse> ellipse = fitted(points);
    for (int i = 0; i < 2 && ellipse; ++i) {
        Points near;
        for (const Point &p : points)
            if (off_ellipse(p, *ellipse) < 2 * kNear) near.push_back(p);
        ellipse = near.size() >= 16 ? fitted(near) : std::nullopt;
    }
    return ellipse;
}

// Whether the points tell of the whole ellipse.
bool explains(const Ellipse &e, const Points &points) {
    double quadrants[4] = {}, on = 0;
    const auto number = static_cast<double>(points.size());
    for (const Point &p : points) {
        ++quadrants[2 * (p.x > e.x) + (p.y > e.y)];
        on += off_ellipse(p, e) < kNear;
    }
    const double fewest = *std::min_element(quadrants, quadrants + 4);
    return on / number >= kFits && fewest / number >= kQuadrant && !has_tips(points, e);
}

}  // namespace

double squeeze_of(const Outline &outline, const View &brightness) {
    if (!outline.whole && share_on_circle(outline.hull, outline.circle) > kCircleFits) return 1;
    const Points points = free_points(outline, brightness);
    if (static_cast<double>(points.size()) < std::max(16.0, 0.2 * static_cast<double>(outline.hull.size()))) return 1;
    if (!outline.whole && share_on_circle(points, outline.circle) > kCircleFits) return 1;
    const std::optional<Ellipse> found = ellipse_of(points);
    if (!found) return 1;
    const double ratio = found->down / found->across;
    const bool sensible = std::abs(ratio - 1) > kLeast && ratio > 1 / kMost && ratio < kMost;
    // A lens between two arcs, which a shadow leaves of a round field in the middle of the frame, is not in the middle.
    const double across = std::abs(found->x / static_cast<double>(brightness.width) - 0.5);
    const double down = std::abs(found->y / static_cast<double>(brightness.height) - 0.5);
    return sensible && std::max(across, down) < kAstray && explains(*found, points) ? ratio : 1;
}

}  // namespace efiqa
