// Candidates for the field of view on a reduced frame: circles, cut off by straight lines.
#pragma once

#include <optional>

#include "picture.h"
#include "shapes.h"

namespace efiqa {

// The candidate with the sharpest rim, its radius set where the rim is steepest; none where no part is bright and large
// enough. `brightness`: smoothed, about 170 pixels on its long side.
std::optional<Outline> best_outline(const View &brightness);

}  // namespace efiqa
