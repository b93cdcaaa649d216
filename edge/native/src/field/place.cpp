#include "place.h"

#include <algorithm>
#include <cmath>

namespace efiqa {
namespace {

constexpr double kInFrame = 0.85;    // a circle astray of which less is in the frame hangs out of it
constexpr double kRoundPart = 0.3;   // share of the outline that is on no straight side: less does not tell its shape

double shorter_side(const View &brightness) { return static_cast<double>(std::min(brightness.height, brightness.width)); }

// The pixels of a line from point to point, along its longer way (Bresenham's, as OpenCV draws it).
void widen(std::vector<Row> &rows, const Point &from, const Point &to) {
    int64_t x = std::llrint(from.x), y = std::llrint(from.y);
    const int64_t end_x = std::llrint(to.x), end_y = std::llrint(to.y);
    const int64_t dx = std::abs(end_x - x), dy = std::abs(end_y - y);
    const int64_t right = end_x < x ? -1 : 1, down = end_y < y ? -1 : 1;
    int64_t error = dx - dy;
    for (int64_t left = std::max(dx, dy); left >= 0; --left) {
        if (y >= 0 && y < static_cast<int64_t>(rows.size())) {
            Row &row = rows[static_cast<size_t>(y)];
            row = row.length() == 0 ? Row{x, x + 1} : Row{std::min(row.left, x), std::max(row.right, x + 1)};
        }
        const int64_t twice = 2 * error;
        if (twice > -dy) error -= dy, x += right;
        if (twice < dx) error += dx, y += down;
    }
}

}  // namespace

double share_on_circle(const Outline &outline, const View &brightness) {
    const Box &box = outline.box, ends = box_of(brightness);
    const double left = std::max(box[0] + kFollows, kMargin), top = std::max(box[1] + kFollows, kMargin);
    const double right = std::min(box[2] - kFollows, ends[2] - kMargin);
    const double bottom = std::min(box[3] - kFollows, ends[3] - kMargin);
    int free = 0, on = 0;
    for (const Point &p : outline.hull) {
        if (!(p.x >= left && p.y >= top && p.x <= right && p.y <= bottom)) continue;
        ++free, on += std::abs(off(p, outline.circle)) <= kFollows;
    }
    if (free < kRoundPart * static_cast<double>(outline.hull.size())) return 1;
    return static_cast<double>(on) / free;
}

double share_inside(const Points &points, const Outline &outline) {
    const auto inside = std::count_if(points.begin(), points.end(),
                                      [&](const Point &p) { return off(p, outline.circle) <= kFollows; });
    return static_cast<double>(inside) / static_cast<double>(points.size());
}

double filled(const Outline &outline, const View &brightness) {
    const std::vector<Row> field = raster(outline, brightness.height, brightness.width);
    std::vector<Row> lit(field.size(), Row{0, 0});
    for (size_t i = 0; i < outline.hull.size(); ++i)
        widen(lit, outline.hull[i], outline.hull[(i + 1) % outline.hull.size()]);
    int64_t both = 0;
    for (size_t y = 0; y < field.size(); ++y)
        both += Row{std::max(field[y].left, lit[y].left), std::min(field[y].right, lit[y].right)}.length();
    return static_cast<double>(both) / std::max(area_of(field), 1.0);
}

double aside(const Outline &outline, const View &brightness) {
    const double right = std::abs(outline.circle.x - static_cast<double>(brightness.width) / 2);
    const double down = std::abs(outline.circle.y - static_cast<double>(brightness.height) / 2);
    return std::max(right, down) / shorter_side(brightness);
}

double size_of(const Outline &outline, const View &brightness) {
    const double largest = kPi / 4 * shorter_side(brightness) * shorter_side(brightness);
    return area_of(raster(outline, brightness.height, brightness.width)) / largest;
}

bool is_odd(const Outline &outline, const View &brightness) {
    return aside(outline, brightness) > kAside && size_of(outline, brightness) < kSmallish;
}

bool hangs_out(const Outline &outline, const View &brightness) {
    if (aside(outline, brightness) <= kAstray) return false;
    const double radius = outline.circle.radius;
    return area_of(raster(outline, brightness.height, brightness.width)) < kInFrame * kPi * radius * radius;
}

}  // namespace efiqa
