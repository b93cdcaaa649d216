// The frame step: rows are weighed and added, then the one row sideways, then rounded, normalised and stored.
#pragma once

#include <cstring>

#include "base.h"

namespace efiqa {

constexpr int64_t kMostWhole = 65535 / 255;  // rows that are added as whole numbers at once, of which 16 bits hold the sum

// Which input pixels make one output pixel: positions first, first + 1, ... with weights[begin], ... [end).
struct Tap {
    int64_t first;
    int64_t begin, end;
};

// Pixels of a summed row, each `Step` values after the last, as one output pixel.
template <class Value>
EFIQA_FN Value across(const Tap &tap, const float *weights, const float *row, int64_t step) {
    Value sum = {};
    for (int64_t t = tap.begin; t < tap.end; ++t, row += step) {
        Value read;
        std::memcpy(&read, row, sizeof read);
        sum = add(sum, weights[t], read);
    }
    return sum;
}

// The network learned from resampled pictures in 8 bits, and half a grey level everywhere is enough to move a score.
// Where OpenCV, which training uses, halves a picture it rounds halves up: `nudge` is added before.
template <class Value>
EFIQA_FN Value grey(Value sum, float nudge) {
    return whole(sum + nudge);
}

EFIQA_FN float normalised(float grey, float factor, float offset) { return grey * factor + offset; }

// IEEE half precision, halves to even; what is too large becomes infinity.
EFIQA_FN uint16_t to_half(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = (bits >> 16) & 0x8000u;
    bits &= 0x7fffffffu;
    float magnitude;
    std::memcpy(&magnitude, &bits, sizeof magnitude);
    const float small = magnitude + 0.5f;  // below 2^-14 the last bit of 0.5 is that of a half
    uint32_t small_bits;
    std::memcpy(&small_bits, &small, sizeof small_bits);
    const uint32_t normal = (bits + 0xc8000fffu + ((bits >> 13) & 1u)) >> 13;
    const uint32_t large = bits > 0x7f800000u ? 0x7e00u : 0x7c00u;
    const uint32_t half = bits < 0x38800000u ? small_bits - 0x3f000000u : bits < 0x477ff000u ? normal : large;
    return static_cast<uint16_t>(sign | half);
}

EFIQA_FN int8_t to_int8(float value, float scale, int32_t zero_point) {
    const float number = whole(clip(value / scale, -512.0f, 512.0f)) + static_cast<float>(zero_point);
    return static_cast<int8_t>(clip(number, -128.0f, 127.0f));
}

}  // namespace efiqa
