// A small picture of one channel, views of it, and its values between pixels.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "field.h"
#include "shapes.h"

namespace efiqa {

// Pixels that lie elsewhere, perhaps turned or mirrored.
struct View {
    const uint8_t *first;
    int64_t height, width;
    int64_t down, right;  // bytes from pixel to pixel

    uint8_t at(int64_t y, int64_t x) const { return first[y * down + x * right]; }
    View turned() const { return {first, width, height, right, down}; }  // rows for columns
    View upside_down() const { return {first + (height - 1) * down, height, width, -down, right}; }
    View part(int64_t top, int64_t left, int64_t high, int64_t wide) const {
        return {first + top * down + left * right, high, wide, down, right};
    }
    int64_t size() const { return height * width; }
};

struct Picture {
    int64_t height, width;
    std::vector<uint8_t> pixels;

    Picture(int64_t high, int64_t wide)
        : height(high), width(wide), pixels(static_cast<size_t>(high) * static_cast<size_t>(wide)) {}
    uint8_t *row(int64_t y) { return pixels.data() + y * width; }
    View view() const { return {pixels.data(), height, width, width, 1}; }
};

enum class Beyond { black, edge };  // what lies beyond a picture

// Whole pixels of a grey value at a place, as OpenCV's remap gives them.
inline int nearest(const View &picture, float x, float y) {
    const auto column = std::clamp<int64_t>(std::lrintf(x), 0, picture.width - 1);
    const auto row = std::clamp<int64_t>(std::lrintf(y), 0, picture.height - 1);
    return picture.at(row, column);
}

inline int linear(const View &picture, float x, float y, Beyond beyond = Beyond::edge) {
    const float left = std::floor(x), top = std::floor(y);
    const auto column = static_cast<int64_t>(left), row = static_cast<int64_t>(top);
    const auto value = [&](int64_t down, int64_t right) {
        const int64_t at_y = std::clamp<int64_t>(row + down, 0, picture.height - 1);
        const int64_t at_x = std::clamp<int64_t>(column + right, 0, picture.width - 1);
        const bool outside = at_y != row + down || at_x != column + right;
        return outside && beyond == Beyond::black ? 0.0f : static_cast<float>(picture.at(at_y, at_x));
    };
    const float above = mixed(value(0, 0), value(0, 1), x - left), below = mixed(value(1, 0), value(1, 1), x - left);
    return static_cast<int>(std::lrintf(mixed(above, below, y - top)));
}

// The grey value a way outwards of a point.
inline int linear(const View &picture, const Point &point, const Point &ray, double way, Beyond beyond = Beyond::edge) {
    return linear(picture, static_cast<float>(point.x + way * ray.x), static_cast<float>(point.y + way * ray.y), beyond);
}

inline bool in_frame(const View &picture, double x, double y) {
    return x >= 0 && y >= 0 && x <= static_cast<double>(picture.width - 1) && y <= static_cast<double>(picture.height - 1);
}

// The frame as a box: its first and last pixels.
inline Box box_of(const View &picture) {
    return {0, 0, static_cast<double>(picture.width - 1), static_cast<double>(picture.height - 1)};
}

// Whether a point is at the border of the frame, where an outline is the frame's own.
inline bool at_border(const View &picture, const Point &point) {
    const Box box = box_of(picture);
    return point.x < kMargin || point.y < kMargin || point.x > box[2] - kMargin || point.y > box[3] - kMargin;
}

// Areas averaged where both sides shrink, else mixed linearly: OpenCV's INTER_AREA.
Picture resized(const View &picture, int64_t height, int64_t width);

}  // namespace efiqa
