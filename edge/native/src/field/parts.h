// The bright parts of a reduced frame, cut at a level of brightness.
#pragma once

#include <optional>

#include "picture.h"
#include "shapes.h"

namespace efiqa {

// Without what is narrower than 5 pixels. To cut the opened picture is to open what is cut from it.
Picture opened(const View &picture);

// The hull of the largest part brighter than a level; none where it is smaller than that. Corners in the order in which
// OpenCV gives them: what follows picks points by their number.
std::optional<Points> largest_part(const Picture &opened, int level, double smallest);

double area_of(const Points &polygon);

// The level that best parts a picture into dark and bright (Otsu).
int parting_level(const View &picture);

}  // namespace efiqa
