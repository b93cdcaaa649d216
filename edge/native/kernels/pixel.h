// From YUV to blue, green and red: BT.601 and BT.709, limited and full range, in 16 bits, of which vectors hold most:
// five of fraction, so that no colour is more than one from the nearest.
#pragma once

#include "base.h"

namespace efiqa {

constexpr int kBits = 5;

struct Yuv {
    int16_t black;  // luma of black
    int16_t luma, blue_u, green_u, green_v, red_v;
};

EFIQA_FN constexpr int16_t rounded(double value) { return static_cast<int16_t>(value < 0 ? value - 0.5 : value + 0.5); }

// Of what a step of luma counts, and one of U or V of each colour: such as `times` has them.
EFIQA_FN constexpr Yuv make_yuv(int16_t black, double luma, double blue_u, double green_u, double green_v, double red_v) {
    return {black, rounded(luma * 8192), rounded(blue_u * 4096), rounded(green_u * 4096), rounded(green_v * 4096),
            rounded(red_v * 4096)};
}

// As OpenCV has them for BT.601; the others from Kr and Kb of the standards.
EFIQA_FN constexpr Yuv yuv_of(bool bt709, bool full_range) {
    return !bt709 ? !full_range ? make_yuv(16, 1.164, 2.018, -0.391, -0.813, 1.596)
                                : make_yuv(0, 1, 1.772, -0.344136, -0.714136, 1.402)
                  : !full_range ? make_yuv(16, 1.164384, 2.112402, -0.213249, -0.532909, 1.792741)
                                : make_yuv(0, 1, 1.8556, -0.187324, -0.468124, 1.5748);
}

// What a pair of U and V adds to each colour, rounding included.
struct Chroma {
    int16_t blue, green, red;
};

// Half the upper half of a product, rounded: one instruction of most vectors.
EFIQA_FN int16_t times(int16_t value, int16_t weight) {
    return static_cast<int16_t>(((int32_t{value} * int32_t{weight} >> 14) + 1) >> 1);
}

EFIQA_FN Chroma chroma_of(const Yuv &yuv, int16_t u, int16_t v) {
    const auto half = static_cast<int16_t>(1 << (kBits - 1));
    const auto from_u = static_cast<int16_t>((u - 128) * 256), from_v = static_cast<int16_t>((v - 128) * 256);
    const auto green = static_cast<int16_t>(times(from_u, yuv.green_u) + times(from_v, yuv.green_v));
    return {static_cast<int16_t>(half + times(from_u, yuv.blue_u)), static_cast<int16_t>(half + green),
            static_cast<int16_t>(half + times(from_v, yuv.red_v))};
}

// Luma of a pixel, before its colour is added.
EFIQA_FN int16_t luma_of(const Yuv &yuv, int16_t y) {
    const auto above = static_cast<int16_t>(y - yuv.black);
    return times(static_cast<int16_t>((above < 0 ? 0 : above) * 128), yuv.luma);
}

EFIQA_FN uint8_t colour(int16_t luma, int16_t chroma) {
    const auto value = static_cast<int16_t>(static_cast<int16_t>(luma + chroma) >> kBits);
    const auto low = static_cast<int16_t>(value < 0 ? 0 : value);
    return static_cast<uint8_t>(low > 255 ? 255 : low);
}

// The mean of one colour of four pixels, halves up, as OpenCV halves a picture; each row has its own chroma.
EFIQA_FN uint8_t halved_colour(const int16_t (&lumas)[4], int16_t above, int16_t below) {
    const int sum = colour(lumas[0], above) + colour(lumas[1], above) + colour(lumas[2], below) +
                    colour(lumas[3], below);
    return static_cast<uint8_t>((sum + 2) >> 2);
}

}  // namespace efiqa
