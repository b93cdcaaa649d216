// What guidance reads of the light, one value at a time.
#pragma once

#include "base.h"

namespace efiqa {

constexpr int64_t kFine = 4;  // points along the side of a cell, on which fine structure is looked for

// From this grey value on green counts as at its end: white of video that spares the ends.
EFIQA_FN float at_its_end(float green) { return green >= 230.0f ? 1.0f : 0.0f; }

// How far a value stands out from its surroundings.
EFIQA_FN float ripple(float value, float around) { return value > around ? value - around : around - value; }

// The same of a byte and the sum of the 3 x 3 around it.
EFIQA_FN float out_of_nine(int32_t value, int32_t sum) {
    const int32_t apart = 9 * value - sum;
    return static_cast<float>(apart < 0 ? -apart : apart) * (1.0f / 9.0f);
}

// As a share of the brightness, of which a black cell has little.
EFIQA_FN float contrast(float ripple, float green) { return ripple / (green > 4.0f ? green : 4.0f); }

}  // namespace efiqa
