// The rows of a frame as bytes that can be weighed and added: in place where they are colours, decoded where YUV.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
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
    source.yuv = yuv_of(frame.matrix == EFIQA_BT709, frame.range == EFIQA_FULL);
    return source;
}

// Room for what is decoded: bytes of two rows, the last of which the next output row may need again.
struct Scratch {
    explicit Scratch(const Source &source) : bytes(source.planar ? static_cast<size_t>(2 * source.length) : 0) {}

    std::vector<uint8_t> bytes;
    int64_t held[2] = {-1, -1};  // rows of the frame that the bytes are of: even, odd
};

// Two pixels of a row: both lumas, U and V.
struct Two {
    int16_t luma[2], u, v;
};

// Bytes that lie together are read as one number, little end first, so that vectors need not pick them apart.
struct TwoOfNv12 {
    [[gnu::always_inline]] Two operator()(const uint8_t *row, const uint8_t *chroma, int64_t i) const {
        uint16_t lumas, pair;
        std::memcpy(&lumas, row + 2 * i, sizeof lumas), std::memcpy(&pair, chroma + 2 * i, sizeof pair);
        return {{static_cast<int16_t>(lumas & 255), static_cast<int16_t>(lumas >> 8)},
                static_cast<int16_t>(pair & 255),
                static_cast<int16_t>(pair >> 8)};
    }
};

struct TwoOfYuyv {
    [[gnu::always_inline]] Two operator()(const uint8_t *row, const uint8_t *, int64_t i) const {
        uint32_t all;
        std::memcpy(&all, row + 4 * i, sizeof all);
        const auto byte = [all](int number) { return static_cast<int16_t>(all >> (8 * number) & 255u); };
        return {{byte(0), byte(2)}, byte(1), byte(3)};
    }
};

// The columns of row y of YUV, as three planes of bytes.
void decode_row(const Source &source, int64_t y, uint8_t *out);

// Row y: source.length bytes, in the frame itself or decoded into the scratch, where a row and the next one keep.
inline const uint8_t *row_of(const Source &source, int64_t y, Scratch &scratch) {
    const efiqa_frame &frame = source.frame;
    if (!source.planar) return frame.plane[0] + y * frame.stride[0] + (source.grey ? 1 : 3) * source.low;
    uint8_t *out = scratch.bytes.data() + (y & 1) * source.length;
    if (scratch.held[y & 1] != y) decode_row(source, y, out);
    scratch.held[y & 1] = y;
    return out;
}

// Four floats, and how they are moved about: left to the compiler, each goes by itself.
struct Four {
    typedef float Values __attribute__((vector_size(16)));  // of `using` the attribute is lost
    Values values;

    [[gnu::always_inline]] static Four load(const float *from) {
        Four read;
        std::memcpy(&read, from, sizeof read);
        return read;
    }
    [[gnu::always_inline]] void store(float *to) const { std::memcpy(to, this, sizeof *this); }
};

// Values of two at these places: 0 to 3 of one, 4 to 7 of the other.
template <int A, int B, int C, int D>
[[gnu::always_inline]] inline Four picked(const Four &one, const Four &other) {
#if defined(__clang__)
    return {__builtin_shufflevector(one.values, other.values, A, B, C, D)};
#else
    typedef int32_t Places __attribute__((vector_size(16)));
    return {__builtin_shuffle(one.values, other.values, Places{A, B, C, D})};
#endif
}

// Three planes of n floats as n pixels of four, the last one of nothing.
[[gnu::always_inline]] inline void interleave(const float *__restrict planes, int64_t n, float *__restrict pixels) {
    const float *__restrict green = planes + n, *__restrict red = green + n;
    int64_t i = 0;
    for (; i + 4 <= n; i += 4, pixels += 16) {
        const Four b = Four::load(planes + i), g = Four::load(green + i), r = Four::load(red + i), none{};
        const Four begin = picked<0, 4, 1, 5>(b, g), end = picked<2, 6, 3, 7>(b, g);
        const Four reds = picked<0, 4, 1, 5>(r, none), last_reds = picked<2, 6, 3, 7>(r, none);
        picked<0, 1, 4, 5>(begin, reds).store(pixels), picked<2, 3, 6, 7>(begin, reds).store(pixels + 4);
        picked<0, 1, 4, 5>(end, last_reds).store(pixels + 8), picked<2, 3, 6, 7>(end, last_reds).store(pixels + 12);
    }
    for (; i < n; ++i, pixels += 4)
        pixels[0] = planes[i], pixels[1] = green[i], pixels[2] = red[i], pixels[3] = 0.0f;
}

}  // namespace efiqa
