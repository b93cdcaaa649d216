// The rows of a frame as bytes that can be weighed and added: in place where they are colours, decoded where YUV.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

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
    int red, green, blue;  // their places in a pixel
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
    source.green = source.grey ? 0 : 1;
    source.red = source.grey || frame.format == EFIQA_RGB ? 0 : 2;
    source.blue = source.grey ? 0 : 2 - source.red;
    source.yuv = kYuv[frame.matrix][frame.range];
    return source;
}

// Room for what is decoded: bytes of two rows, the last of which the next output row may need again, and what colour
// adds to each pixel of one, which two rows of NV12 share.
struct Scratch {
    explicit Scratch(const Source &source)
        : bytes(source.grey || !source.planar ? 0 : static_cast<size_t>(2 * source.length)),
          chroma(source.planar ? static_cast<size_t>(source.length + 3) : 0),
          luma(chroma.size() / 3) {}

    std::vector<uint8_t> bytes;
    std::vector<int32_t> chroma;  // blue, green and red of a row, each as long as its pairs of pixels
    std::vector<int32_t> luma;
    int64_t held[2] = {-1, -1};  // rows of the frame that the bytes are of: even, odd
    int64_t row = -1;            // of the chroma plane
};

// U and V of a row, `Step` bytes from pair to pair, as what they add to blue, green and red: planes of 2 * pairs.
template <int Step>
[[gnu::always_inline]] inline void decode_chroma(const Yuv &yuv, const uint8_t *__restrict u,
                                                 const uint8_t *__restrict v, int64_t pairs, int32_t *__restrict blue,
                                                 int32_t *__restrict green, int32_t *__restrict red) {
    const Yuv shared = yuv;
    for (int64_t pair = 0; pair < pairs; ++pair) {
        const Chroma chroma = chroma_of(shared, u[Step * pair], v[Step * pair]);
        blue[2 * pair] = blue[2 * pair + 1] = chroma.blue;
        green[2 * pair] = green[2 * pair + 1] = chroma.green;
        red[2 * pair] = red[2 * pair + 1] = chroma.red;
    }
}

// n pixels of luma, `Step` bytes from one to the next, before colour is added.
template <int Step>
[[gnu::always_inline]] inline void decode_luma(const Yuv &yuv, const uint8_t *__restrict row, int64_t n,
                                               int32_t *__restrict luma) {
    const Yuv shared = yuv;
    for (int64_t i = 0; i < n; ++i) luma[i] = luma_of(shared, row[Step * i]);
}

[[gnu::always_inline]] inline void add_chroma(const int32_t *__restrict luma, const int32_t *__restrict chroma,
                                              int64_t n, uint8_t *__restrict out) {
    for (int64_t i = 0; i < n; ++i) out[i] = colour(luma[i], chroma[i]);
}

// Row y: source.length bytes, in the frame itself or decoded into the scratch, where a row and the next one keep.
[[gnu::always_inline]] inline const uint8_t *row_of(const Source &source, int64_t y, Scratch &scratch) {
    const efiqa_frame &frame = source.frame;
    const uint8_t *row = frame.plane[0] + y * frame.stride[0];
    if (source.grey) return row + source.low;
    if (!source.planar) return row + 3 * source.low;
    const int64_t n = source.length / 3, pairs = (n + 1) / 2;
    int32_t *blue = scratch.chroma.data(), *green = blue + 2 * pairs, *red = green + 2 * pairs;
    uint8_t *out = scratch.bytes.data() + (y & 1) * source.length;
    if (scratch.held[y & 1] == y) return out;
    scratch.held[y & 1] = y;
    const bool packed = frame.format == EFIQA_YUYV;
    if (packed) {
        row += 2 * source.low;
        decode_chroma<4>(source.yuv, row + 1, row + 3, pairs, blue, green, red);
    } else if (scratch.row != y / 2) {
        scratch.row = y / 2;
        const uint8_t *colours = frame.plane[1] + scratch.row * frame.stride[1] + source.low;
        decode_chroma<2>(source.yuv, colours, colours + 1, pairs, blue, green, red);
    }
    int32_t *luma = scratch.luma.data();
    packed ? decode_luma<2>(source.yuv, row, n, luma) : decode_luma<1>(source.yuv, row + source.low, n, luma);
    add_chroma(luma, blue, n, out), add_chroma(luma, green, n, out + n), add_chroma(luma, red, n, out + 2 * n);
    return out;
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
