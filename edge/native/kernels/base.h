// What all kernels share: they are functions of an index, for a thread of a GPU as for a loop of the CPU.
//
// No kernel allocates, throws, or calls the library. Built with -ffp-contract=off (nvcc: -fmad=false), each gives the
// same bits wherever it runs: products are rounded before they are added, whatever the width of the vectors.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define EFIQA_FN __host__ __device__ __forceinline__
#else
#define EFIQA_FN [[gnu::always_inline]] inline
#endif

namespace efiqa {

// Added and taken away again, it rounds a float of up to 2^22 to a whole number, halves to even: 1.5 * 2^23, beside
// which there is no room for less.
constexpr float kWhole = 12582912.0f;

template <class Value>
EFIQA_FN Value whole(Value value) {
    return (value + kWhole) - kWhole;
}

// The sum so far, and one more value with its weight; floats or short vectors of them.
template <class Value>
EFIQA_FN Value add(Value sum, float weight, Value value) {
    return sum + weight * value;
}

EFIQA_FN int32_t clip(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : value;
}

EFIQA_FN float clip(float value, float low, float high) { return value < low ? low : value > high ? high : value; }

// The place inside 0 .. size - 1 that a place beyond mirrors, without doubling the outermost one.
EFIQA_FN int64_t mirrored(int64_t at, int64_t size) {
    if (size == 1) return 0;
    while (at < 0 || at >= size) at = at < 0 ? -at : 2 * (size - 1) - at;
    return at;
}

}  // namespace efiqa
