#include "shade.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "circle_fit.h"
#include "parts.h"
#include "place.h"
#include "squeeze.h"

namespace efiqa {
namespace {

constexpr double kArc = 0.09;       // share of the outline that another circle must explain to be thought of
constexpr double kPlain = 35;       // quality of a rim that falls at once, all round
constexpr double kFaintest = 0.06;  // quality of a rim, as a share of the bright end: less is a circle by chance
constexpr double kCrisp = 0.8, kHalfRound = 0.5;  // a rim as steep as that needs to be round by half
constexpr double kLarger = 1.35, kLargerThanOdd = 1.15;  // so much more area than its lit part has a dim field
constexpr double kDim = 3;      // grey values: a border that is darker on a quarter of its pixels is black
constexpr double kRound = 0.8;  // share of the outline of a dim field that lies on its circle
constexpr double kHeld = 0.96;  // share of the lit outline that lies in the circle of a field
constexpr double kSharp = 0.6, kSoft = 0.5, kSoftest = 0.32;  // share of a fall that its steepest 3 pixels take
constexpr double kSmall = 0.8;         // of the largest circle in the frame: less with a soft edge is suspicious
constexpr double kHardlySharp = 0.65;  // and an odd one, whose edge is no sharper than that
constexpr double kFarAside = 0.065;    // in a straight line: an odd one farther out may be a spot, however sharp its edge
constexpr double kNoCircle = 0.6, kRim = 0.85;  // with less of the outline on it, and less of it a rim: another shape
constexpr double kBeside = 3.5;                 // pixels on either side of a rim between which the light falls by half

std::optional<double> steepness_at(const View &brightness, const Outline &outline, const Points &points,
                                   double least = 8) {
    return steepness(brightness, points, rays_of(points, outline.circle), least);
}

// Whether the light fades at a circle more slowly than at any rim.
bool is_shadow(const View &brightness, const Outline &outline) {
    Points points;
    const Points all = circle_points(outline.circle, outline.box);
    for (size_t i = 0; i < all.size(); i += 2) points.push_back(all[i]);
    const auto steep = steepness_at(brightness, outline, points);
    if (!steep || *steep >= kHardlySharp) return false;
    if (*steep < kSoftest || is_odd(outline, brightness)) return true;
    return *steep < kSoft && (aside(outline, brightness) > kAstray || size_of(outline, brightness) < kSmall);
}

// Whether an outline is a sharp circle in the middle of the frame with nothing beyond, as most are.
bool is_plain(const View &brightness, const Outline &best, const Outline *dimmest) {
    return best.quality >= kPlain && aside(best, brightness) <= kAside &&
           (dimmest == nullptr || area_of(dimmest->hull) < kLargerThanOdd * area_of(best.hull)) &&
           share_on_circle(best, brightness) >= 1 - kArc && !is_shadow(brightness, best);
}

int bright_end(const View &brightness) {
    std::vector<int> some;
    for (int64_t y = 0; y < brightness.height; y += 4)
        for (int64_t x = 0; x < brightness.width; x += 4) some.push_back(brightness.at(y, x));
    const auto at = some.begin() + std::llrint(0.95 * static_cast<double>(some.size() - 1));
    std::nth_element(some.begin(), at, some.end());
    return *at;
}

// The whole frame as field: its end cannot be seen, so all that is dark counts as lost.
Outline frame_of(const Outline &outline, const View &brightness) { return whole_of(outline, box_of(brightness)); }

// Whether it is nowhere black around a circle: dim retina, and not the noise of a border.
bool is_lit_beyond(const View &brightness, const Outline &outline) {
    Outline larger = outline;
    larger.circle.radius += kFollows;
    const std::vector<Row> rows = raster(larger, brightness.height, brightness.width);
    std::vector<int> beyond;
    for (int64_t y = 0; y < brightness.height; ++y)
        for (int64_t x = 0; x < brightness.width; ++x) {
            const Row &row = rows[static_cast<size_t>(y)];
            if (x < row.left || x >= row.right) beyond.push_back(brightness.at(y, x));
        }
    if (beyond.empty()) return false;
    std::sort(beyond.begin(), beyond.end());
    const double place = 0.25 * static_cast<double>(beyond.size() - 1), share = place - std::floor(place);
    const auto low = static_cast<size_t>(place), high = std::min(low + 1, beyond.size() - 1);
    return beyond[low] + share * (beyond[high] - beyond[low]) >= kDim;
}

// Whether the field goes on dimly beyond an outline, up to a rim of its own.
bool goes_on(const View &brightness, const Outline &best, const Outline &dimmest) {
    const bool odd = is_odd(best, brightness);
    if (area_of(dimmest.hull) < (odd ? kLargerThanOdd : kLarger) * area_of(best.hull)) return false;
    if (dimmest.whole || share_inside(best.hull, dimmest) < kHeld)
        return dimmest.whole && odd && is_lit_beyond(brightness, best);
    const auto steep = steepness_at(brightness, dimmest, circle_points(dimmest.circle, dimmest.box), 2);
    return steep && *steep >= kSoft && share_on_circle(dimmest, brightness) >= (*steep < kCrisp ? kRound : kHalfRound);
}

// The points of an outline that neither its circle nor the frame nor a straight side explains.
Points unexplained(const View &brightness, const Outline &best) {
    Points rest;
    for (const Point &p : best.hull) {
        const bool in_box = p.x > best.box[0] + 2 && p.x < best.box[2] - 2 && p.y > best.box[1] + 2 && p.y < best.box[3] - 2;
        if (in_box && !at_border(brightness, p) && std::abs(off(p, best.circle)) > kFollows) rest.push_back(p);
    }
    return rest;
}

// A second circle that the lit part lies in, along a sharp outline that the first one does not explain.
std::optional<Outline> other_circle(const View &brightness, const Outline &best) {
    const Points rest = unexplained(brightness, best);
    const auto number = static_cast<double>(rest.size()), all = static_cast<double>(best.hull.size());
    if (number < std::max(12.0, kArc * all)) return std::nullopt;
    const auto found = fit_circle(rest, std::vector<double>(rest.size(), 1.0));
    const auto longer = static_cast<double>(std::max(brightness.height, brightness.width));
    if (!found || found->circle.radius > 0.8 * longer || found->share * number < kArc * all) return std::nullopt;
    Outline other = best;
    other.circle = found->circle;
    Points points;
    for (const Point &p : rest)
        if (std::abs(off(p, other.circle)) <= kFollows) points.push_back(p);
    const auto steep = steepness_at(brightness, other, points);
    if (!steep || *steep < kSharp || share_inside(best.hull, other) < kHeld) return std::nullopt;
    return other;
}

// Whether the lit part has another shape: its outline leaves the circle, and the light does not end there. An outline
// alone does not tell: a name tag beside the field makes its hull larger, but leaves the rim.
bool is_no_circle(const View &brightness, const Outline &outline) {
    if (share_on_circle(outline, brightness) >= kNoCircle) return false;
    const Points points = circle_points(outline.circle, outline.box), rays = rays_of(points, outline.circle);
    int seen = 0, falls = 0;
    for (size_t i = 0; i < points.size(); ++i) {
        if (!in_frame(brightness, points[i].x + kBeside * rays[i].x, points[i].y + kBeside * rays[i].y)) continue;
        const int inner = linear(brightness, points[i], rays[i], -kBeside, Beyond::black);
        const int outer = linear(brightness, points[i], rays[i], kBeside, Beyond::black);
        ++seen, falls += 2 * outer < inner;
    }
    return seen < 6 || static_cast<double>(falls) / seen < kRim;
}

}  // namespace

Outline behind_shadow(const View &brightness, const Outline &best, const Outline *dimmest) {
    if (best.whole || is_plain(brightness, best, dimmest)) return best;
    // An ellipse is a circle that a resize has squeezed, unless it is a spot of light on a field that is round.
    const bool squeezed = squeeze_of(best, brightness) != 1;
    if (dimmest != nullptr && goes_on(brightness, best, *dimmest)) {
        if (squeezed && (dimmest->whole || share_on_circle(*dimmest, brightness) < kRound)) return best;
        return hangs_out(*dimmest, brightness) ? frame_of(*dimmest, brightness) : *dimmest;
    }
    if (squeezed) return best;
    Outline chosen = best;
    const std::optional<Outline> other = other_circle(brightness, best);
    if (other && filled(*other, brightness) < filled(best, brightness)) chosen = *other;
    const bool hidden = is_shadow(brightness, chosen) || hangs_out(chosen, brightness) ||
                        is_no_circle(brightness, chosen) || chosen.quality < kFaintest * bright_end(brightness);
    return hidden ? frame_of(chosen, brightness) : chosen;
}

bool may_be_spot(const Outline &outline, const View &brightness) {
    if (outline.whole) return false;
    const double right = outline.circle.x - static_cast<double>(brightness.width) / 2;
    const double down = outline.circle.y - static_cast<double>(brightness.height) / 2;
    const double away = length_of(right, down) / static_cast<double>(std::min(brightness.height, brightness.width));
    return away > kFarAside && size_of(outline, brightness) < kSmallish + away - kFarAside;
}

}  // namespace efiqa
