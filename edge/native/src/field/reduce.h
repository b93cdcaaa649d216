// A frame reduced to about 170 pixels, by averages of whole blocks.
#pragma once

#include <cstdint>

#include "efiqa_edge.h"
#include "picture.h"

namespace efiqa {

// By how much to reduce a frame of this long side: a whole number, and even where it is large.
int64_t factor_of(int64_t longest);

struct Reduced {
    Picture light;  // the brightest channel of each pixel, smoothed
    int brightest;  // the bright end of the brightest channel
    int spread;     // the most that a channel varies
};

Reduced reduce(const efiqa_frame &frame, int64_t factor);

}  // namespace efiqa
