// The round part of an outline: the circle that it lies on, and how sharply brightness falls there.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "picture.h"
#include "shapes.h"

namespace efiqa {

// Points every so many pixels along a closed polygon.
Points resampled(const Points &polygon, double spacing = 3);

struct Fit {
    Circle circle;
    double share;  // of the weight of all points that lies on it
};

// The circle that most points lie on, by weight: by a vote of chance circles, then by least squares.
std::optional<Fit> fit_circle(const Points &points, const std::vector<double> &weights);

// 96 points on a circle, without those that the cuts take away.
Points circle_points(const Circle &circle, const Box &box);

// How sharply brightness falls across an outline at each point: -60 (it rises) to 60 grey values. A rim falls at once:
// as far within 3 pixels as within 7. A shadow goes on falling, and counts as nothing. NaN at the border of the frame.
std::vector<double> sharpness_along(const View &brightness, const Points &outline, const Point &centre);

// The mean over the points that have something outside; a fixed low value where hardly any has.
double mean_sharpness(const View &brightness, const Points &outline, const Point &centre);

constexpr double kAcross = -10, kFarAcross = -24;  // pixels outwards of an outline from which a fall is looked at

// The median share of the fall across an outline that its steepest 3 pixels take; none where no fall is seen.
std::optional<double> steepness(const View &brightness, const Points &points, const Points &rays, double least = 8,
                                double from = kAcross);

// A circle within the frame, row by row: its pixels are left .. right - 1. Of one without a rim, the whole frame.
struct Row {
    int64_t left, right;
    int64_t length() const { return right > left ? right - left : 0; }
};
std::vector<Row> raster(const Outline &outline, int64_t height, int64_t width);
double area_of(const std::vector<Row> &rows);

}  // namespace efiqa
