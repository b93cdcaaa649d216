// Points, boxes and outlines on a reduced frame, and the equations that fit one to another. See edge/field.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace efiqa {

struct Point {
    double x, y;
};
using Points = std::vector<Point>;
using Box = std::array<double, 4>;  // left, top, right, bottom; infinite where nothing cuts
constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kPi = 3.14159265358979323846;
constexpr double kMargin = 3.0;  // points nearer than this to the border of the frame are the frame's, not the rim's

struct Circle {
    double x, y, radius;
};

// A candidate: a circle and the straight lines where the sensor cuts it off.
struct Outline {
    Circle circle;
    Box box;         // where the field ends at the latest
    double quality;  // how sharp its rim is, and how much of the lit part's outline lies on it
    Points hull;     // along the outline of the lit part
    bool whole;      // no rim is in sight: the circle goes around the box, and all of the box is field
};

inline double coordinate(const Point &point, int axis) { return axis == 0 ? point.x : point.y; }

// Not hypot: that of every C library rounds otherwise, and glibc's would ask for 2.35. Nothing here overflows.
inline double length_of(double x, double y) { return std::sqrt(x * x + y * y); }

inline double distance(const Point &point, const Circle &circle) {
    return length_of(point.x - circle.x, point.y - circle.y);
}

// How far a point lies outside of a circle.
inline double off(const Point &point, const Circle &circle) { return distance(point, circle) - circle.radius; }

inline Point middle_of(const Points &points) {
    Point sum{0, 0};
    for (const Point &each : points) sum.x += each.x, sum.y += each.y;
    const auto number = static_cast<double>(points.size());
    return {sum.x / number, sum.y / number};
}

// From a circle's middle outwards at each of its points, of length 1.
inline Points rays_of(const Points &points, const Circle &circle) {
    Points rays;
    rays.reserve(points.size());
    for (const Point &each : points)
        rays.push_back({(each.x - circle.x) / circle.radius, (each.y - circle.y) / circle.radius});
    return rays;
}

// All of a rectangle as field, with the circle around it.
inline Outline whole_of(Outline outline, const Box &box) {
    const double radius = length_of(box[2] - box[0], box[3] - box[1]) / 2 + 1;
    outline.circle = {(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, radius};
    outline.box = box, outline.whole = true;
    return outline;
}

// Least squares: terms * found = value, for each row that is added.
template <size_t N>
struct Equations {
    std::array<std::array<double, N>, N> left{};
    std::array<double, N> right{};

    void add(const std::array<double, N> &terms, double value, double weight = 1) {
        for (size_t i = 0; i < N; ++i) {
            for (size_t j = 0; j < N; ++j) left[i][j] += terms[i] * (weight * terms[j]);
            right[i] += terms[i] * (weight * value);
        }
    }

    // False where they have no single solution. By elimination, the largest pivot of a column first.
    bool solve(std::array<double, N> &found) {
        for (size_t k = 0; k < N; ++k) {
            size_t most = k;
            for (size_t i = k + 1; i < N; ++i)
                if (std::abs(left[i][k]) > std::abs(left[most][k])) most = i;
            std::swap(left[k], left[most]), std::swap(right[k], right[most]);
            if (!(std::abs(left[k][k]) > 0)) return false;
            for (size_t i = k + 1; i < N; ++i) {
                const double share = left[i][k] / left[k][k];
                for (size_t j = k; j < N; ++j) left[i][j] -= share * left[k][j];
                right[i] -= share * right[k];
            }
        }
        for (size_t k = N; k-- > 0;) {
            double rest = right[k];
            for (size_t j = k + 1; j < N; ++j) rest -= left[k][j] * found[j];
            found[k] = rest / left[k][k];
        }
        return true;
    }
};

}  // namespace efiqa
