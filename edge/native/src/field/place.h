// Where a circle lies in the frame, and how much of the lit part's outline it explains.
#pragma once

#include <optional>
#include <vector>

#include "circle_fit.h"
#include "picture.h"
#include "shapes.h"

namespace efiqa {

constexpr double kFollows = 3;  // pixels within which an outline follows a circle

// The share of the lit part's outline that lies on the circle, of what is on no straight side and no border.
double share_on_circle(const Outline &outline, const View &brightness);

// The share of some points that lies in the circle of an outline.
double share_inside(const Points &points, const Outline &outline);

// The share of an outline's circle, within the frame, that the lit part fills.
double filled(const Outline &outline, const View &brightness);

// How far from the middle of the frame a circle is, in shorter sides.
double aside(const Outline &outline, const View &brightness);

// The area of a circle within the frame, as a share of the largest circle's there.
double size_of(const Outline &outline, const View &brightness);

// Whether a circle is where few cameras have theirs: aside, though the frame has room for a larger one.
bool is_odd(const Outline &outline, const View &brightness);

// Whether much of a circle lies beyond the frame, on one side. The field of a camera is in the middle of its frame; a
// circle that is the edge of a shadow may be anywhere.
bool hangs_out(const Outline &outline, const View &brightness);

constexpr double kAside = 0.05, kSmallish = 1.2;  // of the smaller side, and of the largest circle: an odd circle
constexpr double kAstray = 0.15;                  // of the smaller side: a field whose middle is farther out is suspicious

}  // namespace efiqa
