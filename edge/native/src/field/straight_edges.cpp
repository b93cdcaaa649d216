#include "straight_edges.h"

#include <algorithm>
#include <cmath>

namespace efiqa {
namespace {

constexpr double kDeepest = 0.6;       // how deep a cut may reach into the disc, in radii
constexpr double kShortest = 0.3;      // half the length of the shortest cut that is looked for, in radii
constexpr int64_t kNear = 2, kFar = 5;  // a cut is judged by the pixels this far inside and outside of it
constexpr int kFall = 5;               // least fall of brightness across a cut, in grey values
constexpr double kDark = 0.2;          // how bright it may be beyond a straight side, as a share of the field there
constexpr double kNew = 0.75, kKnown = 0.4;  // share of a line that must fall: anywhere, and on a side of the outline
constexpr int kAround = 64;                  // places around the circle at which the border is looked at

// What is known where a line is looked for: the circle as it lies in that view, and the border's grey value.
struct Looking {
    View picture;
    Circle circle;
    int border;
};

double square(double value) { return value * value; }

// The usual grey value just outside of the circle; 0 where that is outside of the frame.
int border_of(const View &brightness, const Circle &circle) {
    std::vector<int> found;
    for (int i = 0; i < kAround; ++i) {
        const double angle = i * (2 * kPi / kAround), radius = 1.12 * circle.radius;
        const double x = std::nearbyint(circle.x + radius * std::cos(angle));
        const double y = std::nearbyint(circle.y + radius * std::sin(angle));
        if (!in_frame(brightness, x, y)) continue;
        found.push_back(brightness.at(static_cast<int64_t>(y), static_cast<int64_t>(x)));
    }
    if (found.size() < 8) return 0;
    std::sort(found.begin(), found.end());
    return (found[(found.size() - 1) / 2] + found[found.size() / 2]) / 2;
}

// The mean of rows and columns, as far as these go; NaN of nothing.
double mean_of(const View &picture, int64_t top, int64_t bottom, int64_t left, int64_t right) {
    bottom = std::min(bottom, picture.height), right = std::min(right, picture.width);
    int64_t sum = 0, number = 0;
    for (int64_t y = top; y < bottom; ++y)
        for (int64_t x = left; x < right; ++x) sum += picture.at(y, x), ++number;
    return number > 0 ? static_cast<double>(sum) / static_cast<double>(number) : std::nan("");
}

// Whether the disc is nearly as dark as the border above a level line, and not below it.
bool ends_at(const Looking &at, int64_t row) {
    const auto [x, y, radius] = at.circle;
    const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(std::ceil(y - 0.97 * radius)));
    if (row - 2 - first < 2) return true;
    const double half = 0.6 * std::sqrt(std::max(square(radius) - square(static_cast<double>(row) - y), 0.0));
    const int64_t left = std::max<int64_t>(0, static_cast<int64_t>(x - half));
    const int64_t right = std::max<int64_t>(1, static_cast<int64_t>(x + half) + 1);
    const double beyond = mean_of(at.picture, first, row - 2, left, right);
    const double inside = mean_of(at.picture, row + 4, row + 9, left, right);
    if (std::isnan(beyond) || std::isnan(inside)) return true;  // the line lies at the border of the frame
    return beyond - at.border < kDark * (inside - at.border);
}

struct Line {
    double fall = 0;  // mean of the drop across it; 0 where it is no cut
};

// A level line above `row`, within the circle and left .. right.
Line look_across(const Looking &at, int64_t row, int64_t left, int64_t right, double known) {
    const auto [x, y, radius] = at.circle;
    const double half = std::sqrt(std::max(square(radius) - square(static_cast<double>(row - kNear) - y), 0.0)) - 3;
    int64_t length = 0, falls = 0, total = 0;
    for (int64_t column = left; column < right; ++column) {
        if (!(std::abs(static_cast<double>(column) - x) < half)) continue;
        const int far_out = at.picture.at(row - kFar, column), outside = at.picture.at(row - kNear, column);
        const int inside = at.picture.at(row + kNear, column), far_in = at.picture.at(row + kFar, column);
        const int drop = inside - outside;
        ++length, total += drop;
        falls += drop >= kFall && 3 * (outside - at.border) < inside - at.border && 3 * drop > 2 * (far_in - far_out);
    }
    const auto whole_length = static_cast<double>(std::max<int64_t>(length, 1));
    const double least = std::abs(static_cast<double>(row) - known) <= 3 ? kKnown : kNew;
    const bool likely = static_cast<double>(falls) / whole_length >= least && whole_length > kShortest * radius;
    return {likely ? static_cast<double>(total) / whole_length : 0.0};
}

// The first row of the field, where a level line cuts the disc off at the top; minus infinity where none does. `known`:
// the first row of the outline, where it has a straight side there; with `keep` that is the answer where none is seen.
double cut_of(const Looking &at, double known, bool keep) {
    const auto [x, y, radius] = at.circle;
    // A side at the border of the frame is the frame's own: nothing can be seen beyond it.
    if (std::isfinite(known) && (known < kMargin || ends_at(at, std::llrint(known)))) keep = true;
    const double otherwise = keep ? known : -kInfinite;
    const int64_t first =
        std::max(kFar, static_cast<int64_t>(std::ceil(y - radius * std::sqrt(1 - square(kShortest)))));
    const int64_t last = std::min(at.picture.height - 1 - kFar, static_cast<int64_t>(y - (1 - kDeepest) * radius));
    if (last <= first) return otherwise;
    double widest = -kInfinite;
    for (int64_t row = first; row <= last; ++row)
        widest = std::max(widest, square(radius) - square(static_cast<double>(row - kNear) - y));
    widest = std::sqrt(std::max(widest, 0.0)) - 3;
    const int64_t left = std::max<int64_t>(0, static_cast<int64_t>(x - widest));
    const int64_t right = std::min(at.picture.width, static_cast<int64_t>(x + widest) + 2);
    if (right <= left) return otherwise;
    std::vector<double> falls;
    bool any = false;
    for (int64_t row = first; row <= last; ++row) {
        falls.push_back(look_across(at, row, left, right, known).fall);
        any = any || falls.back() != 0;
    }
    if (!any) return otherwise;
    const double most = *std::max_element(falls.begin(), falls.end());
    double sum = 0, number = 0;
    for (size_t i = 0; i < falls.size(); ++i)
        if (falls[i] >= 0.9 * most) sum += static_cast<double>(first + static_cast<int64_t>(i)), ++number;
    return sum / number + 0.5;
}

}  // namespace

Sides straight_sides(const Points &hull, const View &brightness) {
    Sides sides{{-kInfinite, -kInfinite, kInfinite, kInfinite}, {}};
    Box ends{kInfinite, kInfinite, -kInfinite, -kInfinite};
    for (const Point &each : hull) {
        ends[0] = std::min(ends[0], each.x), ends[1] = std::min(ends[1], each.y);
        ends[2] = std::max(ends[2], each.x), ends[3] = std::max(ends[3], each.y);
        sides.on_side.push_back(at_border(brightness, each));
    }
    const double size = std::max(ends[2] - ends[0], ends[3] - ends[1]);
    for (int side = 0; side < 4; ++side) {
        const int axis = side % 2;
        const double edge = ends[static_cast<size_t>(side)];
        double low = kInfinite, high = -kInfinite;
        for (const Point &each : hull) {
            if (!(std::abs(coordinate(each, axis) - edge) < 1.1)) continue;
            low = std::min(low, coordinate(each, 1 - axis)), high = std::max(high, coordinate(each, 1 - axis));
        }
        // A circle of this size stays within 1.1 pixels of its tangent for about 0.3 of its diameter.
        if (!(high - low > 0.38 * size)) continue;
        sides.box[static_cast<size_t>(side)] = edge;
        for (size_t i = 0; i < hull.size(); ++i)
            if (std::abs(coordinate(hull[i], axis) - edge) < 2) sides.on_side[i] = true;
    }
    return sides;
}

Box true_cuts(const View &brightness, const Circle &circle, const Box &box, bool keep) {
    const int border = border_of(brightness, circle);
    const auto [x, y, radius] = circle;
    const double last_x = box_of(brightness)[2], last_y = box_of(brightness)[3];
    const View upright = brightness.turned();
    const double left = cut_of({upright, {y, x, radius}, border}, box[0], keep);
    const double top = cut_of({brightness, circle, border}, box[1], keep);
    const double right = cut_of({upright.upside_down(), {y, last_x - x, radius}, border}, last_x - box[2], keep);
    const double bottom = cut_of({brightness.upside_down(), {x, last_y - y, radius}, border}, last_y - box[3], keep);
    return {left, top, last_x - right, last_y - bottom};
}

std::optional<Circle> cut_corners(const View &brightness, const Box &box) {
    const Point middle{(box[0] + box[2]) / 2, (box[1] + box[3]) / 2};
    const Point half{(box[2] - box[0]) / 2, (box[3] - box[1]) / 2};
    const double length = length_of(half.x, half.y);
    const auto depths = static_cast<size_t>(std::ceil(0.3 * length / 0.5));
    if (depths < 3) return std::nullopt;
    Equations<3> equations;
    int cut = 0;
    for (const Point &side : {Point{-1, -1}, Point{1, -1}, Point{1, 1}, Point{-1, 1}}) {
        const Point corner{middle.x + side.x * half.x, middle.y + side.y * half.y};
        const Point inwards{-side.x * half.x / length, -side.y * half.y / length};
        std::vector<int> found, rise;
        for (size_t i = 0; i < depths; ++i) {
            found.push_back(linear(brightness, corner, inwards, 0.5 * static_cast<double>(i)));
            rise.push_back(i == 0 ? found[0] : std::max(rise.back(), found[i]));
        }
        std::sort(found.begin() + static_cast<std::ptrdiff_t>(depths / 2), found.end());
        const size_t number = depths - depths / 2;
        const double bright = (found[depths / 2 + (number - 1) / 2] + found[depths / 2 + number / 2]) / 2.0;
        const double dark = rise[2];
        const auto first = static_cast<size_t>(
            std::count_if(rise.begin(), rise.end(), [&](int grey) { return grey < (dark + bright) / 2; }));
        if (!(bright - dark >= kFall && 3 * dark < bright && first < depths)) continue;
        const double deep = 0.5 * static_cast<double>(first);
        const double x = corner.x + deep * inwards.x - middle.x, y = corner.y + deep * inwards.y - middle.y;
        equations.add({2 * x, 2 * y, 1}, x * x + y * y), ++cut;
    }
    std::array<double, 3> found;
    if (cut < 3 || !equations.solve(found)) return std::nullopt;
    const auto [dx, dy, rest] = found;
    const double radius = std::sqrt(std::max(rest + dx * dx + dy * dy, 0.0));
    const bool fits = std::max(std::abs(dx), std::abs(dy)) < 0.1 * length && radius > 0.97 * std::max(half.x, half.y);
    return fits ? std::optional<Circle>({middle.x + dx, middle.y + dy, radius}) : std::nullopt;
}

}  // namespace efiqa
