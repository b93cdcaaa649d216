// The cuts of a field that a camera makes: at the border of its frame, a little on one side, or on two sides alike.
#pragma once

#include "picture.h"
#include "shapes.h"

namespace efiqa {

// An outline, with the cuts that the picture shows, without those that no camera makes.
Outline cameras_own(const View &brightness, const Outline &outline);

}  // namespace efiqa
