// The map over a frame: pixel * kept + added, both from a small picture of 128 x 128 points, in whole numbers.
#pragma once

#include "base.h"

namespace efiqa {

constexpr int32_t kPoints = 128;  // along a side of the small picture
constexpr int32_t kLevels = 1024;  // steps of the map from 0 to 1

// Colour and opacity of a map value, B, G, R.
struct Tint {
    float colour[3], opacity[3];
};

// How much of the colour is let in, where so much of a place is field.
EFIQA_FN float veil(float share) { return clip(share * 4.0f - 1.5f, 0.0f, 1.0f); }

EFIQA_FN int32_t level_of(float degradation) {
    return static_cast<int32_t>(whole(clip(degradation, 0.0f, 1.0f) * static_cast<float>(kLevels)));
}

EFIQA_FN uint8_t added_of(const Tint &tint, int channel, float veil) {
    return static_cast<uint8_t>(whole(tint.colour[channel] * (tint.opacity[channel] * veil)));
}

EFIQA_FN uint8_t kept_of(const Tint &tint, int channel, float veil) {
    return static_cast<uint8_t>(whole((1.0f - tint.opacity[channel] * veil) * 255.0f));
}

// Where a pixel of the crop lies between two points, in 128ths of their distance.
EFIQA_FN int32_t place_of(int64_t at, int64_t side) {
    const int64_t twice = (2 * at + 1) * kPoints - side;  // the middles of outermost points and crop agree
    const int64_t place = twice <= 0 ? 0 : twice * 64 / side;
    return static_cast<int32_t>(place < (kPoints - 1) * 128 ? place : (kPoints - 1) * 128);
}

// Between two points of a row, in 128ths; two values at once, one above the other in 16 bits each. From here on all
// fits into 16 bits, of which vectors hold most.
EFIQA_FN uint32_t between(uint32_t one, uint32_t other, uint32_t share) { return one * (128u - share) + other * share; }

// Between two such rows, both half a whole number higher, in whole numbers; share times 256.
EFIQA_FN uint16_t between_rows(int16_t one, int16_t other, int16_t share) {
    const auto apart = static_cast<int16_t>(other - one);
    const auto part = static_cast<int16_t>(((int32_t{apart} * int32_t{share} >> 14) + 1) >> 1);
    return static_cast<uint16_t>(static_cast<uint16_t>(one + part) >> 7);
}

EFIQA_FN uint8_t blended(uint8_t pixel, uint16_t kept, uint16_t added) {
    const auto product = static_cast<uint16_t>(pixel * kept + 128);
    const auto mixed = static_cast<uint16_t>(product + (product >> 8));  // over 256: pixel * kept / 255, rounded
    const auto sum = static_cast<uint16_t>((mixed >> 8) + added);
    return static_cast<uint8_t>(sum < 255 ? sum : 255);
}

}  // namespace efiqa
