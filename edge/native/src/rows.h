// The rows of a frame as bytes that can be weighed and added: in place where they are colours, decoded where YUV.
#pragma once

#include <cstdint>

#include "efiqa_edge.h"
#include "pixel.h"

namespace efiqa {

// The columns of a frame that a crop sees.
struct Source {
    efiqa_frame frame;
    int64_t low, high;  // columns; low is even where two pixels share their colour
    int64_t length;     // bytes of a row: three a pixel, or one of grey
    bool planar;        // a row is all of blue, then all of green, then all of red
    bool grey;
    int red, blue;  // their places in a pixel
    Yuv yuv;
};

inline Source make_source(const efiqa_frame &frame, int64_t low, int64_t high) {
    Source source{};
    source.frame = frame;
    source.planar = frame.format == EFIQA_YUYV || frame.format == EFIQA_NV12;
    source.grey = frame.format == EFIQA_GREY;
    source.low = source.planar ? low & ~int64_t{1} : low;
    source.high = high;
    source.length = (high - source.low) * (source.grey ? 1 : 3);
    source.red = frame.format == EFIQA_RGB ? 0 : 2;
    source.blue = 2 - source.red;
    source.yuv = kYuv[frame.matrix][frame.range];
    return source;
}

// n pixels of YUV into planes of n bytes: luma each LumaStep bytes, U and V of a pair each 2 * LumaStep.
template <int LumaStep>
[[gnu::always_inline]] inline void decode(const Yuv &yuv, const uint8_t *__restrict luma, const uint8_t *__restrict u,
                                          const uint8_t *__restrict v, int64_t n, uint8_t *__restrict blue,
                                          uint8_t *__restrict green, uint8_t *__restrict red) {
    const Yuv shared = yuv;
    for (int64_t pair = 0; pair < n / 2; ++pair) {
        const Chroma chroma = chroma_of(shared, u[2 * LumaStep * pair], v[2 * LumaStep * pair]);
        const int32_t one = luma_of(shared, luma[2 * LumaStep * pair]);
        const int32_t two = luma_of(shared, luma[2 * LumaStep * pair + LumaStep]);
        blue[2 * pair] = colour(one, chroma.blue), blue[2 * pair + 1] = colour(two, chroma.blue);
        green[2 * pair] = colour(one, chroma.green), green[2 * pair + 1] = colour(two, chroma.green);
        red[2 * pair] = colour(one, chroma.red), red[2 * pair + 1] = colour(two, chroma.red);
    }
    if (n % 2 == 0) return;
    const int64_t last = n - 1;
    const Chroma chroma = chroma_of(shared, u[LumaStep * last], v[LumaStep * last]);
    const int32_t one = luma_of(shared, luma[LumaStep * last]);
    blue[last] = colour(one, chroma.blue), green[last] = colour(one, chroma.green);
    red[last] = colour(one, chroma.red);
}

// Row y: source.length bytes, in the frame itself or in the buffer, which holds as many.
[[gnu::always_inline]] inline const uint8_t *row_of(const Source &source, int64_t y, uint8_t *buffer) {
    const efiqa_frame &frame = source.frame;
    const uint8_t *row = frame.plane[0] + y * frame.stride[0];
    if (source.grey) return row + source.low;
    if (!source.planar) return row + 3 * source.low;
    const int64_t n = source.length / 3;
    uint8_t *green = buffer + n, *red = green + n;
    if (frame.format == EFIQA_YUYV) {
        row += 2 * source.low;
        decode<2>(source.yuv, row, row + 1, row + 3, n, buffer, green, red);
    } else {
        const uint8_t *colours = frame.plane[1] + y / 2 * frame.stride[1] + source.low;
        decode<1>(source.yuv, row + source.low, colours, colours + 1, n, buffer, green, red);
    }
    return buffer;
}

// Three planes of n floats as n pixels of four, the last one of nothing.
[[gnu::always_inline]] inline void interleave(const float *__restrict planes, int64_t n, float *__restrict pixels) {
    const float *__restrict green = planes + n, *__restrict red = green + n;
    for (int64_t i = 0; i < n; ++i) {
        pixels[4 * i] = planes[i], pixels[4 * i + 1] = green[i], pixels[4 * i + 2] = red[i];
        pixels[4 * i + 3] = 0.0f;
    }
}

}  // namespace efiqa
