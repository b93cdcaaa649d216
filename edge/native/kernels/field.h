// What the finder of the field computes of pixels, one value at a time.
#pragma once

#include "base.h"

namespace efiqa {

// The mean of two bytes, halves up: one instruction of most vectors.
EFIQA_FN uint8_t mean_of_two(uint8_t one, uint8_t other) { return static_cast<uint8_t>((one + other + 1) >> 1); }

// (sum + 2) / 4 of 2 x 2 pixels, as OpenCV halves a picture, in bytes alone: a mean of means, less what rounding up
// twice has added.
EFIQA_FN uint8_t mean_of_four(uint8_t one, uint8_t beside, uint8_t below, uint8_t across) {
    const uint8_t above = mean_of_two(one, beside), under = mean_of_two(below, across);
    const int twice = ((one ^ beside) | (below ^ across)) & (above ^ under) & 1;
    return static_cast<uint8_t>(mean_of_two(above, under) - twice);
}

// The mean of a block, of its sum and one over its pixels.
EFIQA_FN uint8_t mean_of_block(int64_t sum, float share) {
    return static_cast<uint8_t>(static_cast<int32_t>(whole(static_cast<float>(sum) * share)));
}

EFIQA_FN uint8_t mean_of_nine(uint32_t sum) { return static_cast<uint8_t>((2 * sum + 9) / 18); }

// How bright a pixel is: its brightest channel.
EFIQA_FN uint8_t brightness(uint8_t blue, uint8_t green, uint8_t red) {
    const uint8_t more = blue > green ? blue : green;
    return more > red ? more : red;
}

// Between two values, `share` of the way.
EFIQA_FN float mixed(float one, float other, float share) { return one + (other - one) * share; }

// Whether a place is inside of an ellipse, of whose row half as much is inside as `reach`.
EFIQA_FN uint8_t is_within(float away, float reach) { return away <= reach ? 255 : 0; }

}  // namespace efiqa
