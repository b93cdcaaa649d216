// Logarithm and exponential in single precision, after Cephes: within 2e-7 of a value, the same bits everywhere, and
// without branches, so that loops of them become vectors.
#pragma once

#include <cstring>

#include "base.h"

namespace efiqa {

constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;  // in 10 bits, and what is left of it

// Of a normal number above 0.
EFIQA_FN float log_of(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    const int32_t power = static_cast<int32_t>(bits - 0x3f3504f3u) >> 23;  // of two: what remains is about 1
    bits -= static_cast<uint32_t>(power) << 23;
    float x;
    std::memcpy(&x, &bits, sizeof x);
    x -= 1.0f;
    const float square = x * x, exponent = static_cast<float>(power);
    float sum = 7.0376836292e-2f;
    sum = sum * x - 1.1514610310e-1f;
    sum = sum * x + 1.1676998740e-1f;
    sum = sum * x - 1.2420140846e-1f;
    sum = sum * x + 1.4249322787e-1f;
    sum = sum * x - 1.6668057665e-1f;
    sum = sum * x + 2.0000714765e-1f;
    sum = sum * x - 2.4999993993e-1f;
    sum = sum * x + 3.3333331174e-1f;
    sum = sum * x * square + exponent * kLn2Low - 0.5f * square;
    return x + sum + exponent * kLn2High;
}

// Of -87 to 87; beyond, of that end.
EFIQA_FN float exp_of(float value) {
    value = clip(value, -87.0f, 87.0f);
    const float power = whole(value * 1.44269504f);
    const float x = value - power * kLn2High - power * kLn2Low;
    float sum = 1.9875691500e-4f;
    sum = sum * x + 1.3981999507e-3f;
    sum = sum * x + 8.3334519073e-3f;
    sum = sum * x + 4.1665795894e-2f;
    sum = sum * x + 1.6666665459e-1f;
    sum = sum * x + 5.0000001201e-1f;
    sum = sum * (x * x) + x + 1.0f;
    const uint32_t bits = static_cast<uint32_t>(static_cast<int32_t>(power) + 127) << 23;
    float scale;
    std::memcpy(&scale, &bits, sizeof scale);
    return sum * scale;
}

}  // namespace efiqa
