// From YUV to blue, green and red: BT.601 and BT.709, limited and full range, in 20 bits of fraction.
#pragma once

#include "base.h"

namespace efiqa {

constexpr int kBits = 20;

struct Yuv {
    int32_t black;  // luma of black
    int32_t luma, blue_u, green_u, green_v, red_v;
};

// As OpenCV has them for BT.601; the others from Kr and Kb of the standards, times 2^20.
constexpr Yuv kYuv[2][2] = {
    {{16, 1220542, 2116026, -409993, -852492, 1673527}, {0, 1048576, 1858077, -360853, -748826, 1470104}},
    {{16, 1220945, 2215014, -223607, -558796, 1879825}, {0, 1048576, 1945738, -196424, -490864, 1651297}},
};

// What a pair of U and V adds to each colour, rounding included.
struct Chroma {
    int32_t blue, green, red;
};

EFIQA_FN Chroma chroma_of(const Yuv &yuv, int32_t u, int32_t v) {
    const int32_t half = 1 << (kBits - 1);
    u -= 128, v -= 128;
    return {half + yuv.blue_u * u, half + yuv.green_u * u + yuv.green_v * v, half + yuv.red_v * v};
}

// Luma of a pixel, before its colour is added.
EFIQA_FN int32_t luma_of(const Yuv &yuv, int32_t y) {
    y -= yuv.black;
    return (y < 0 ? 0 : y) * yuv.luma;
}

EFIQA_FN uint8_t colour(int32_t luma, int32_t chroma) {
    return static_cast<uint8_t>(clip((luma + chroma) >> kBits, 0, 255));
}

}  // namespace efiqa
