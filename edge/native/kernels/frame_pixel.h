// One output pixel of the frame step by itself, for a thread of a GPU: what the library does row by row, with the same
// sums in the same order, and so to the same bits.
#pragma once

#include "pixel.h"
#include "resample.h"
#include "tensor.h"

namespace efiqa {

// What the threads of a call work on; edge/engines/tensorrt/frame_kernel.py lays it out alike.
struct FrameJob {
    int64_t format, bt709, full_range;  // as in efiqa_frame
    int64_t width, height;
    int64_t plane[2], stride[2];  // bytes: where each plane begins, and from row to row
    int64_t x, y, crop;           // the square of the frame, and its side
    int64_t side;                 // of the tensor
    int64_t room;                 // for the shares of one output row or column
    float factor[3], offset[3];   // R, G, B: value * factor + offset
    float nudge, spare;
};

EFIQA_FN Axis rows_of(const FrameJob &job) { return {job.y, job.crop, job.side, job.height}; }
EFIQA_FN Axis columns_of(const FrameJob &job) { return {job.x, job.crop, job.side, job.width}; }

// Which pixels count in output row or column n, and how much: rows first, then columns.
EFIQA_FN void tabulate(const FrameJob &job, int64_t n, Reach *reaches, float *shares) {
    const bool is_row = n < job.side;
    const Axis axis = is_row ? rows_of(job) : columns_of(job);
    const int64_t i = is_row ? n : n - job.side;
    const Reach reach = reaches[n] = reach_of(axis, i);
    for (int64_t p = reach.first; p < reach.last; ++p) shares[n * job.room + p - reach.first] = share_of(axis, i, p);
}

struct Colours {
    uint8_t red, green, blue;
};

EFIQA_FN Colours colours_at(const FrameJob &job, const uint8_t *frame, int64_t y, int64_t x) {
    const uint8_t *row = frame + job.plane[0] + y * job.stride[0];
    if (job.format == 0) return {row[3 * x + 2], row[3 * x + 1], row[3 * x]};
    if (job.format == 1) return {row[3 * x], row[3 * x + 1], row[3 * x + 2]};
    if (job.format == 2) return {row[x], row[x], row[x]};
    const bool packed = job.format == 3;
    const int64_t pair = x / 2;
    const uint8_t *chroma = packed ? row + 4 * pair + 1 : frame + job.plane[1] + y / 2 * job.stride[1] + 2 * pair;
    const Yuv yuv = yuv_of(job.bt709 != 0, job.full_range != 0);
    const Chroma tint = chroma_of(yuv, chroma[0], chroma[packed ? 2 : 1]);
    const int16_t luma = luma_of(yuv, row[packed ? 2 * x : x]);
    return {colour(luma, tint.red), colour(luma, tint.green), colour(luma, tint.blue)};
}

struct Sums {
    float red, green, blue;
};

EFIQA_FN Sums add(const Sums &sum, float share, const Sums &value) {
    return {add(sum.red, share, value.red), add(sum.green, share, value.green), add(sum.blue, share, value.blue)};
}

// The rows of one column weighed and added: those that weigh alike as whole numbers first.
EFIQA_FN Sums down(const FrameJob &job, const uint8_t *frame, const Reach &reach, const float *shares, int64_t x) {
    Sums sum{};
    const int64_t n = reach.last - reach.first;
    const auto one = [&](int64_t t) {
        const Colours read = colours_at(job, frame, reach.first + t, x);
        return Sums{static_cast<float>(read.red), static_cast<float>(read.green), static_cast<float>(read.blue)};
    };
    for (int64_t t = 0; t < n;) {
        const float share = shares[t];
        int32_t red = 0, green = 0, blue = 0;
        int64_t alike = 0;
        for (; t + alike < n && alike < kMostWhole && shares[t + alike] == share; ++alike) {
            const Colours read = colours_at(job, frame, reach.first + t + alike, x);
            red += read.red, green += read.green, blue += read.blue;
        }
        const Sums whole{static_cast<float>(red), static_cast<float>(green), static_cast<float>(blue)};
        sum = add(sum, share, whole), t += alike;
        if (alike > 1 && t < n) sum = add(sum, shares[t], one(t)), ++t;
    }
    return sum;
}

// Output pixel (x, y): three normalised numbers, each `side` squared after the last, and the grey values B, G, R that
// they were made of.
EFIQA_FN void frame_pixel(const FrameJob &job, const uint8_t *frame, const Reach *reaches, const float *shares, int64_t y,
                          int64_t x, float *tensor, uint8_t *bgr) {
    const Reach &rows = reaches[y], &columns = reaches[job.side + x];
    const float *down_shares = shares + y * job.room, *across_shares = shares + (job.side + x) * job.room;
    Sums sum{};
    for (int64_t p = columns.first; p < columns.last; ++p)
        sum = add(sum, across_shares[p - columns.first], down(job, frame, rows, down_shares, p));
    const float greys[3] = {grey(sum.red, job.nudge), grey(sum.green, job.nudge), grey(sum.blue, job.nudge)};
    const int64_t at = y * job.side + x;
    for (int c = 0; c < 3; ++c) {
        tensor[c * job.side * job.side + at] = normalised(greys[c], job.factor[c], job.offset[c]);
        bgr[3 * at + 2 - c] = static_cast<uint8_t>(static_cast<int32_t>(greys[c]));
    }
}

}  // namespace efiqa
