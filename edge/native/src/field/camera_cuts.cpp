#include "camera_cuts.h"

#include <algorithm>
#include <cmath>

#include "circle_fit.h"

namespace efiqa {
namespace {

constexpr double kMostCut = 0.2, kSliver = 0.03;  // share of the field cut off on one side at most; one of no account
constexpr double kSoft = 0.5, kSoftest = 0.32;  // share of a fall that its steepest 3 pixels take: in a rectangle, a disc
constexpr double kLong = 0.22;                  // the same of a fall that may be longer
constexpr int kAlong = 34;

// The share of a field beyond a side of the box: 0 left, 1 top, 2 right, 3 bottom.
double beyond(const std::vector<Row> &field, double edge, int side) {
    const int64_t line = std::llrint(edge);
    int64_t part = 0;
    for (int64_t y = 0; y < static_cast<int64_t>(field.size()); ++y) {
        const Row &row = field[static_cast<size_t>(y)];
        if (side == 0) part += Row{row.left, std::min(row.right, line)}.length();
        if (side == 2) part += Row{std::max(row.left, line + 1), row.right}.length();
        if ((side == 1 && y < line) || (side == 3 && y > line)) part += row.length();
    }
    return static_cast<double>(part) / std::max(area_of(field), 1.0);
}

// Whether the light fades slowly across a straight side of a field.
bool is_soft(const View &brightness, const Outline &outline, int side) {
    const int axis = side % 2, other = 1 - axis;
    const Circle &circle = outline.circle;
    const Point middle{circle.x, circle.y};
    const double edge = outline.box[static_cast<size_t>(side)], away = edge - coordinate(middle, axis);
    const double half = std::sqrt(std::max(circle.radius * circle.radius - away * away, 0.0));
    const double low = std::max(outline.box[static_cast<size_t>(other)], coordinate(middle, other) - half);
    const double high = std::min(outline.box[static_cast<size_t>(other) + 2], coordinate(middle, other) + half);
    const double out = side < 2 ? -1 : 1;
    Points points, rays;
    for (int i = 1; i < kAlong - 1; ++i) {
        const double along = low + i * ((high - low) / (kAlong - 1));
        points.push_back(axis == 0 ? Point{edge, along} : Point{along, edge});
        rays.push_back(axis == 0 ? Point{out, 0} : Point{0, out});
    }
    const auto steep = steepness(brightness, points, rays);
    if (steep && *steep < (outline.whole ? kSoft : kSoftest)) return true;
    const auto far = steepness(brightness, points, rays, 8, kFarAcross);
    return far && *far < kLong;
}

}  // namespace

Outline cameras_own(const View &brightness, const Outline &outline) {
    const Box &box = outline.box, ends = box_of(brightness);
    const std::vector<Row> field = raster(outline, brightness.height, brightness.width);
    Box kept = box, more{};
    for (size_t axis = 0; axis < 2; ++axis) {
        double share[2] = {};
        for (size_t end = 0; end < 2; ++end) {
            const size_t side = axis + 2 * end;
            if (!((end == 0 ? box[side] : ends[side] - box[side]) > kMargin)) continue;  // no cut
            share[end] = beyond(field, box[side], static_cast<int>(side));
            if (is_soft(brightness, outline, static_cast<int>(side))) kept[side] = end == 0 ? 0.0 : ends[side];
        }
        const double both = std::min(share[0], share[1]);  // cut on either side alike: the camera's; what one has more, may be
        for (size_t end = 0; end < 2; ++end) more[axis + 2 * end] = (share[end] - both) / std::max(1 - 2 * both, 0.01);
    }
    double sum = 0;
    for (double &each : more) sum += each = each < kSliver ? 0 : each;
    if (sum >= kMostCut)  // a corner counts as both of its sides
        for (size_t side = 0; side < 4; ++side)
            if (more[side] > 0) kept[side] = ends[side];
    if (outline.whole && kept != box) return whole_of(outline, kept);
    Outline own = outline;
    own.box = kept;
    return own;
}

}  // namespace efiqa
