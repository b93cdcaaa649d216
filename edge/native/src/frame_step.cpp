// The frame step: crop, resample, reorder and normalise a camera frame in one pass over its rows.
//
// Resampling is separable: each output pixel is a weighted sum of neighbouring input pixels. Per output row, the input
// rows it covers are first summed into one float row (long contiguous loops, which the compiler vectorises), then that
// one row is reduced sideways. In this order the sideways step, the one with irregular access, has only the output's
// height to do.
#include <algorithm>
#include <array>
#include <vector>

#include "check.h"
#include "guard.h"
#include "light.h"
#include "rows.h"
#include "taps.h"
#include "vectors.h"

namespace efiqa {
namespace {

// What one call works on.
struct Job {
    Source source;
    Taps rows, columns;
    std::array<float, 3> factor, offset;  // per output channel R, G, B: value * factor + offset
    float nudge;
    const efiqa_tensor *tensor;
    std::vector<uint8_t> greys;  // what the network reads, (3, side, side) R, G, B, where light is measured
};

// sum[i] (+)= weights[0] * rows[0][i] + weights[1] * rows[1][i] + ..., in this order
template <int Count, bool Add>
[[gnu::always_inline]] inline void add_rows(float *__restrict sum, const uint8_t *const *rows, const float *weights,
                                            int64_t n) {
    const uint8_t *__restrict one = rows[0], *__restrict two = rows[Count > 1 ? 1 : 0];
    const float first = weights[0], second = weights[Count > 1 ? 1 : 0];
    for (int64_t i = 0; i < n; ++i) {
        float value = add(Add ? sum[i] : 0.0f, first, static_cast<float>(one[i]));
        if (Count > 1) value = add(value, second, static_cast<float>(two[i]));
        sum[i] = value;
    }
}

// The input rows of one output row, weighed and added.
[[gnu::always_inline]] inline void sum_rows(const Job &job, int64_t y, float *sum, Scratch &scratch) {
    const Tap tap = job.rows.of[static_cast<size_t>(y)];
    const int64_t n = job.source.length;
    if (tap.begin == tap.end) std::fill(sum, sum + n, 0.0f);
    for (int64_t t = tap.begin; t < tap.end; t += 2) {
        const int64_t at = tap.first + t - tap.begin;
        const bool pair = t + 1 < tap.end;
        const uint8_t *rows[2] = {row_of(job.source, at, scratch), nullptr};
        if (pair) rows[1] = row_of(job.source, at + 1, scratch);
        const float *weights = &job.rows.weights[static_cast<size_t>(t)];
        if (t == tap.begin)
            pair ? add_rows<2, false>(sum, rows, weights, n) : add_rows<1, false>(sum, rows, weights, n);
        else
            pair ? add_rows<2, true>(sum, rows, weights, n) : add_rows<1, true>(sum, rows, weights, n);
    }
}

// The row sideways, as whole grey values of R, G and B, side floats each. Four lanes at a time, of which
// one is to spare, of grey three.
[[gnu::always_inline]] inline void reduce_row(const Job &job, const float *sum, int64_t step, float *greys) {
    using Pixel = float __attribute__((vector_size(16)));
    const int64_t side = job.tensor->side;
    const int red = job.source.red, green = job.source.green, blue = job.source.blue;
    for (int64_t x = 0; x < side; ++x) {
        const Tap &tap = job.columns.of[static_cast<size_t>(x)];
        const float *from = sum + step * (tap.first - job.source.low);
        const Pixel pixel = grey(across<Pixel>(tap, job.columns.weights.data(), from, step), job.nudge);
        greys[x] = pixel[red], greys[side + x] = pixel[green], greys[2 * side + x] = pixel[blue];
    }
}

template <class Number, class Store>
[[gnu::always_inline]] inline void store_row(const Job &job, int64_t y, const float *greys, Store store) {
    const int64_t side = job.tensor->side;
    for (int64_t channel = 0; channel < 3; ++channel, greys += side) {
        Number *__restrict out = static_cast<Number *>(job.tensor->data) + (channel * side + y) * side;
        const float factor = job.factor[static_cast<size_t>(channel)];
        const float offset = job.offset[static_cast<size_t>(channel)];
        for (int64_t x = 0; x < side; ++x) out[x] = store(normalised(greys[x], factor, offset));
    }
}

[[gnu::always_inline]] inline void keep_row(Job &job, int64_t y, const float *greys) {
    const int64_t side = job.tensor->side;
    for (int64_t channel = 0; channel < 3; ++channel, greys += side) {
        uint8_t *__restrict out = job.greys.data() + (channel * side + y) * side;
        for (int64_t x = 0; x < side; ++x) out[x] = static_cast<uint8_t>(static_cast<int32_t>(greys[x]));
    }
}

[[gnu::always_inline]] inline void run_any(Job &job) {
    const int64_t n = job.source.length, side = job.tensor->side;
    const float scale = job.tensor->scale;
    const int32_t zero = job.tensor->zero_point;
    std::vector<float> sum(static_cast<size_t>(n) + 4), greys(static_cast<size_t>(3 * side));  // 4: the spare lane
    std::vector<float> pixels(job.source.planar ? static_cast<size_t>(n / 3 * 4) : 0);
    Scratch scratch(job.source);
    for (int64_t y = 0; y < side; ++y) {
        sum_rows(job, y, sum.data(), scratch);
        if (job.source.planar) {
            interleave(sum.data(), n / 3, pixels.data());
            reduce_row(job, pixels.data(), 4, greys.data());
        } else {
            reduce_row(job, sum.data(), job.source.grey ? 1 : 3, greys.data());
        }
        if (!job.greys.empty()) keep_row(job, y, greys.data());
        if (job.tensor->type == EFIQA_FLOAT32)
            store_row<float>(job, y, greys.data(), [](float v) { return v; });
        else if (job.tensor->type == EFIQA_FLOAT16)
            store_row<uint16_t>(job, y, greys.data(), [](float v) { return to_half(v); });
        else
            store_row<int8_t>(job, y, greys.data(), [=](float v) { return to_int8(v, scale, zero); });
    }
}

EFIQA_WIDE(run, Job &)

efiqa_status prepare(const efiqa_frame &frame, const efiqa_crop &crop, const efiqa_tensor &tensor,
                     const efiqa_light *light) {
    Job job{};
    job.rows = make_taps(crop.y, crop.side, tensor.side, frame.height);
    job.columns = make_taps(crop.x, crop.side, tensor.side, frame.width);
    job.source = make_source(frame, job.columns.low, job.columns.high);
    for (size_t c = 0; c < 3; ++c) {
        job.factor[c] = 1.0f / (255.0f * tensor.std[c]);
        job.offset[c] = -tensor.mean[c] / tensor.std[c];
    }
    job.nudge = crop.side == 2 * int64_t{tensor.side} ? 1e-3f : 0.0f;
    job.tensor = &tensor;
    if (light != nullptr) job.greys.resize(3 * static_cast<size_t>(tensor.side) * static_cast<size_t>(tensor.side));
    run(job);
    if (light != nullptr) measure_light(job.greys.data(), tensor.side, *light);
    return EFIQA_OK;
}

}  // namespace
}  // namespace efiqa

efiqa_status efiqa_frame_step(const efiqa_frame *frame, const efiqa_crop *crop, const efiqa_tensor *tensor,
                              const efiqa_light *light) noexcept {
    efiqa_status found = efiqa::check_frame(frame);
    if (found == EFIQA_OK) found = efiqa::check_crop(crop, frame->width, frame->height);
    if (found == EFIQA_OK) found = efiqa::check_tensor(tensor);
    if (found == EFIQA_OK) found = efiqa::check_light(light, tensor->side);
    if (found != EFIQA_OK) return found;
    return efiqa::guarded([&] { return efiqa::prepare(*frame, *crop, *tensor, light); });
}
