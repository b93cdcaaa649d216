// The frame is cut at several brightness levels. The hull of the largest bright part at each is the rim of the disc,
// straight pieces where the sensor or a letterbox cuts it, and whatever noise adds to it.
#include "outline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "camera_cuts.h"
#include "circle_fit.h"
#include "parts.h"
#include "shade.h"
#include "straight_edges.h"

namespace efiqa {
namespace {

const std::vector<int> kLevels = {3, 6, 10, 16, 24, 36, 54};  // brightness levels tried, in grey values
constexpr double kSame = 0.03;    // a part whose area differs by less than this share from the last one is the same
constexpr double kFaint = 20;     // quality below which a border that is not black is thought of
constexpr double kSure = 50;      // quality above which no further level is tried
constexpr double kClearly = 1.1;  // a higher level loses the darker part of the rim: it must be better by this factor
constexpr double kEven = 0.25;    // how much an even border varies at most, as a share of how much brighter the field is
constexpr double kSmallest = 0.025, kSmallestOnGrey = 0.15;  // least area of a field, as a share of the frame: on black,
                                                             // and on grey, where less may be the optic disc
constexpr int64_t kBand = 3;            // pixels at the border of a letterbox that smoothing has mixed with it
constexpr double kLetterboxed = 0.92;   // share of the frame that letterbox bands leave at most
constexpr int kAtRim = 12;              // places across a rim, from 3 pixels inside of it on, half a pixel apart

double place_at_rim(int number) { return 0.5 * number - 3; }

// One bright part, given as a convex polygon: its circle and its cuts.
Outline outline_of(const View &brightness, const Points &polygon) {
    Outline outline{{}, {}, 0, resampled(polygon), false};
    const Points &hull = outline.hull;
    const Sides sides = straight_sides(hull, brightness);
    outline.box = sides.box;
    Points rim;
    for (size_t i = 0; i < hull.size(); ++i)
        if (!sides.on_side[i]) rim.push_back(hull[i]);
    std::optional<Fit> fit;
    if (static_cast<double>(rim.size()) > 0.15 * static_cast<double>(hull.size())) {
        std::vector<double> weights = sharpness_along(brightness, rim, middle_of(hull));
        for (double &each : weights) each = (each > 0 ? each : 0) + 1;  // NaN counts as nothing
        fit = fit_circle(rim, weights);
    }
    if (fit && fit->circle.radius <= 1.5 * static_cast<double>(std::max(brightness.height, brightness.width))) {
        const Circle &circle = outline.circle = fit->circle;
        const Points points = circle_points(circle, outline.box);
        outline.quality = mean_sharpness(brightness, points, {circle.x, circle.y}) * fit->share;
        return outline;
    }
    // No rim in sight: the disc is larger than the frame, and all that is bright is field.
    Box box{kInfinite, kInfinite, -kInfinite, -kInfinite};
    for (const Point &p : hull)
        box = {std::min(box[0], p.x), std::min(box[1], p.y), std::max(box[2], p.x), std::max(box[3], p.y)};
    outline.quality = 0.3 * mean_sharpness(brightness, hull, middle_of(hull));
    return whole_of(outline, box);
}

struct Search {
    std::optional<Outline> best;     // of those hardly different, the one of the lowest level
    std::optional<Outline> dimmest;  // the one of the lowest level
    int changes = 0;                 // of the best
};

// Cut the picture at each level, and outline the largest part, where it is not the same as the last one.
Search search(const View &brightness, const std::vector<int> &levels, double smallest,
              const std::optional<Outline> &at_hand = std::nullopt) {
    Search found{at_hand, std::nullopt, 0};
    const Picture open = opened(brightness);
    double last = 0;
    for (const int level : levels) {
        const auto hull = largest_part(open, level, smallest * static_cast<double>(brightness.size()));
        if (!hull) break;  // higher levels leave less
        const double area = area_of(*hull);
        if (!(std::abs(area - last) > kSame * last)) continue;
        last = area;
        Outline outline = outline_of(brightness, *hull);
        if (!found.dimmest) found.dimmest = outline;
        if (found.best && !(outline.quality > kClearly * found.best->quality)) continue;
        found.best = std::move(outline), ++found.changes;
        if (found.best->quality > kSure) break;
    }
    return found;
}

std::vector<int> levels_above(int border, const View &brightness) {
    std::vector<int> levels{parting_level(brightness)};
    for (size_t i = 1; i < kLevels.size(); ++i) levels.push_back(border + kLevels[i]);
    std::sort(levels.begin(), levels.end());
    levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
    return levels;
}

// Levels for a border that is not black; none where the frame has no even border.
std::vector<int> levels_above_border(const View &brightness) {
    constexpr int64_t n = 16;
    const Picture cells = resized(brightness, n, n);
    const View view = cells.view();
    std::vector<int> around;
    for (int64_t i = 0; i < n; ++i) around.push_back(view.at(0, i)), around.push_back(view.at(n - 1, i));
    for (int64_t i = 1; i < n - 1; ++i) around.push_back(view.at(i, 0)), around.push_back(view.at(i, n - 1));
    std::sort(around.begin(), around.end());
    const int border = around[30], spread = around[54] - around[6];
    const int most = *std::max_element(cells.pixels.begin(), cells.pixels.end());
    if (border < kLevels[2] || spread > kEven * (most - border)) return {};
    return levels_above(border, brightness);
}

// The median of the outermost pixels, the corners twice.
int border_of(const View &view) {
    std::vector<int> around;
    for (int64_t x = 0; x < view.width; ++x) around.push_back(view.at(0, x)), around.push_back(view.at(view.height - 1, x));
    for (int64_t y = 0; y < view.height; ++y) around.push_back(view.at(y, 0)), around.push_back(view.at(y, view.width - 1));
    std::sort(around.begin(), around.end());
    return (around[(around.size() - 1) / 2] + around[around.size() / 2]) / 2;
}

// The disc on a border that is not black, between black bands: a letterboxed or equalised frame. The bands hide the border
// from `levels_above_border`, and what they leave is a rectangle without a rim. A disc in it is believed only where its
// rim is sharp and nearly as wide as the rectangle; a retina that fills it has none.
std::optional<Outline> inside_letterbox(const View &brightness, const Outline &whole) {
    const int64_t left = std::llrint(whole.box[0]) + kBand, top = std::llrint(whole.box[1]) + kBand;
    const int64_t right = std::llrint(whole.box[2]) + 1 - kBand, bottom = std::llrint(whole.box[3]) + 1 - kBand;
    const int64_t shorter = std::min(right - left, bottom - top);
    if (shorter < 32) return std::nullopt;
    const View inside = brightness.part(top, left, bottom - top, right - left);
    if (static_cast<double>(inside.size()) > kLetterboxed * static_cast<double>(brightness.size())) return std::nullopt;
    const std::vector<int> levels = levels_above(border_of(inside), inside);
    const Search found = search(inside, levels, kSmallestOnGrey);
    if (!found.best || found.best->whole || found.best->quality < kFaint) return std::nullopt;
    Outline disc = *found.best;
    if (2 * disc.circle.radius < 0.8 * static_cast<double>(shorter)) return std::nullopt;
    const Point corner{static_cast<double>(left), static_cast<double>(top)};
    disc.circle.x += corner.x, disc.circle.y += corner.y, disc.box = whole.box;
    for (Point &p : disc.hull) p = {p.x + corner.x, p.y + corner.y};
    return disc;
}

// How far outwards of a circle its rim is at a point, and how much light falls there. Half way between field and border.
struct Rim {
    Point ray;
    double offset, weight;
};

Rim rim_at(const View &brightness, const Point &point, const Point &ray) {
    std::array<int, kAtRim> fall{};
    for (int i = 0; i < kAtRim; ++i) {
        const int grey = linear(brightness, point, ray, place_at_rim(i), Beyond::black);
        fall[static_cast<size_t>(i)] = i == 0 ? grey : std::min(grey, fall[static_cast<size_t>(i) - 1]);
    }
    const double middle = (fall.front() + fall.back()) / 2.0;
    const auto higher = static_cast<int>(std::count_if(fall.begin(), fall.end(), [&](int grey) { return grey > middle; }));
    const int last = std::clamp(higher, 1, kAtRim - 1);
    const double above = fall[static_cast<size_t>(last) - 1], below = fall[static_cast<size_t>(last)];
    const double share = std::clamp((above - middle) / std::max(above - below, 1e-6), 0.0, 1.0);
    const int depth = fall.front() - fall.back();
    return {ray, place_at_rim(last - 1) + 0.5 * share, static_cast<double>(std::clamp(depth, 0, 30))};
}

// The circle moved to where brightness is half way between field and border. The outline itself lies too far out where
// the field is bright and too far in where it is dark: smoothing and a low level push it there. A rim that is hardly in
// the frame, or cut away, leaves it as it is.
Circle on_the_rim(const View &brightness, const Outline &outline) {
    const Points points = circle_points(outline.circle, outline.box), rays = rays_of(points, outline.circle);
    std::vector<Rim> rims;
    double light = 0;
    for (size_t i = 0; i < points.size(); ++i) {
        if (!in_frame(brightness, points[i].x + 3 * rays[i].x, points[i].y + 3 * rays[i].y)) continue;
        rims.push_back(rim_at(brightness, points[i], rays[i]));
        light += rims.back().weight;
    }
    if (rims.size() < 12) return outline.circle;
    std::array<double, 3> shift{};
    for (int round = 0; round < 2; ++round) {
        Equations<3> equations;
        for (size_t i = 0; i < 3; ++i) equations.left[i][i] = 1e-6 + (i < 2 ? 0.1 * light : 0);  // a short arc moves it little
        for (const Rim &rim : rims) {
            const double off = rim.offset - (rim.ray.x * shift[0] + rim.ray.y * shift[1] + shift[2]);
            if (std::abs(off) < 2) equations.add({rim.ray.x, rim.ray.y, 1}, rim.offset, rim.weight);
        }
        if (!equations.solve(shift)) return outline.circle;
    }
    return {outline.circle.x + shift[0], outline.circle.y + shift[1], outline.circle.radius + shift[2]};
}

}  // namespace

std::optional<Outline> best_outline(const View &brightness) {
    Search found = search(brightness, kLevels, kSmallest);
    if (!found.best) return std::nullopt;
    bool dimmest_is_best = found.changes == 1;
    if (found.best->whole || found.best->quality < kFaint) {
        const Search more = search(brightness, levels_above_border(brightness), kSmallestOnGrey, found.best);
        if (more.changes > 0) found.best = more.best, dimmest_is_best = false;
    }
    if (found.best->whole)
        if (auto disc = inside_letterbox(brightness, *found.best)) found.best = disc, dimmest_is_best = false;
    Outline best = behind_shadow(brightness, *found.best, dimmest_is_best ? nullptr : &*found.dimmest);
    if (!best.whole) best.circle = on_the_rim(brightness, best);
    best.box = true_cuts(brightness, best.circle, best.box, best.whole);
    best = cameras_own(brightness, best);
    if (best.whole)
        if (const auto circle = cut_corners(brightness, best.box)) best.circle = *circle;
    return best;
}

}  // namespace efiqa
