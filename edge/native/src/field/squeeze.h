// Fields that a resize has squeezed: an ellipse along the axes of the frame, which is a circle once it is undone.
#pragma once

#include <cstdint>

#include "picture.h"
#include "shapes.h"

namespace efiqa {

// Height over width of the ellipse that an outline lies on; 1 where a circle explains it, or nothing does.
double squeeze_of(const Outline &outline, const View &brightness);

}  // namespace efiqa
