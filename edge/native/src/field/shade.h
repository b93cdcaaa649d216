// What a shadow hides of a field: the field is the camera's, and does not end where the light does.
//
// A rim falls at once, and a camera cuts its field off at the border of the frame, a little on one side, or on two
// opposite sides alike. Whatever else ends the lit part is a shadow, and the field goes on behind it. Where two circles
// explain the lit part, the one that it fills less counts: a good frame refused can be taken again.
#pragma once

#include "picture.h"
#include "shapes.h"

namespace efiqa {

// The field that the sharpest outline of the lit part is part of. `dimmest`: the outline at the lowest level of
// brightness, where that is another; else null.
Outline behind_shadow(const View &brightness, const Outline &best, const Outline *dimmest);

// Whether a circle is so far aside, and so small, that it may be a spot of light, though its edge is like a rim.
bool may_be_spot(const Outline &outline, const View &brightness);

}  // namespace efiqa
