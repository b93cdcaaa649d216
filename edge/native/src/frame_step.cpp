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

// Rows one and two, or one alone, in whole numbers.
template <int Count, bool Add>
[[gnu::always_inline]] inline void add_whole(uint16_t *__restrict sum, const uint8_t *__restrict one,
                                             const uint8_t *__restrict two, int64_t n) {
    for (int64_t i = 0; i < n; ++i) sum[i] = static_cast<uint16_t>((Add ? sum[i] : 0) + one[i] + (Count > 1 ? two[i] : 0));
}

// sum[i] (+)= weight * whole[i] (+ last_weight * last[i])
template <bool Add, bool Last>
[[gnu::always_inline]] inline void add_sums(float *__restrict sum, const uint16_t *__restrict whole, float weight,
                                            const uint8_t *__restrict last, float last_weight, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
        float value = add(Add ? sum[i] : 0.0f, weight, static_cast<float>(whole[i]));
        if (Last) value = add(value, last_weight, static_cast<float>(last[i]));
        sum[i] = value;
    }
}

// Input rows from `at` on, weighed alike, as whole numbers.
[[gnu::always_inline]] inline void sum_whole(const Job &job, int64_t at, int64_t count, uint16_t *whole,
                                             Scratch &scratch) {
    const int64_t n = job.source.length;
    for (int64_t k = 0; k < count; k += 2) {
        const uint8_t *one = row_of(job.source, at + k, scratch);
        const uint8_t *two = k + 1 < count ? row_of(job.source, at + k + 1, scratch) : nullptr;
        if (k == 0)
            add_whole<2, false>(whole, one, two, n);
        else
            two != nullptr ? add_whole<2, true>(whole, one, two, n) : add_whole<1, true>(whole, one, two, n);
    }
}

// The input rows of one output row, weighed and added. Those that it covers whole weigh the same, and are added as
// whole numbers first, of which vectors hold twice as many.
[[gnu::always_inline]] inline void sum_rows(const Job &job, int64_t y, float *sum, uint16_t *whole, Scratch &scratch) {
    const Tap tap = job.rows.of[static_cast<size_t>(y)];
    const int64_t n = job.source.length;
    if (tap.begin == tap.end) std::fill(sum, sum + n, 0.0f);
    const float *weights = job.rows.weights.data();
    for (int64_t t = tap.begin; t < tap.end;) {
        const int64_t at = tap.first + t - tap.begin;
        int64_t alike = 1;
        while (t + alike < tap.end && alike < kMostWhole && weights[t + alike] == weights[t]) ++alike;
        const bool begun = t > tap.begin;
        if (alike == 1) {
            const bool pair = t + 1 < tap.end && !(t + 2 < tap.end && weights[t + 1] == weights[t + 2]);
            const uint8_t *rows[2] = {row_of(job.source, at, scratch), nullptr};
            if (pair) rows[1] = row_of(job.source, at + 1, scratch);
            if (begun)
                pair ? add_rows<2, true>(sum, rows, weights + t, n) : add_rows<1, true>(sum, rows, weights + t, n);
            else
                pair ? add_rows<2, false>(sum, rows, weights + t, n) : add_rows<1, false>(sum, rows, weights + t, n);
            t += pair ? 2 : 1;
            continue;
        }
        sum_whole(job, at, alike, whole, scratch);
        const float weight = weights[t];
        t += alike;
        if (t == tap.end) {
            begun ? add_sums<true, false>(sum, whole, weight, nullptr, 0, n)
                  : add_sums<false, false>(sum, whole, weight, nullptr, 0, n);
        } else {
            const uint8_t *last = row_of(job.source, at + alike, scratch);
            begun ? add_sums<true, true>(sum, whole, weight, last, weights[t], n)
                  : add_sums<false, true>(sum, whole, weight, last, weights[t], n);
            ++t;
        }
    }
}

// The row sideways, as whole grey values of R, G and B, side floats each. Four lanes at a time, of which
// one is to spare, of grey three.
template <bool Grey>
[[gnu::always_inline]] inline void reduce_row(const Job &job, const float *sum, int64_t step, float *greys) {
    using Pixel = float __attribute__((vector_size(16)));
    const int64_t side = job.tensor->side;
    float *green = greys + side, *blue = green + side;
    float *const first = job.source.red == 0 ? greys : blue, *const third = job.source.red == 0 ? blue : greys;
    for (int64_t x = 0; x < side; ++x) {
        const Tap &tap = job.columns.of[static_cast<size_t>(x)];
        const float *from = sum + step * (tap.first - job.source.low);
        const Pixel pixel = grey(across<Pixel>(tap, job.columns.weights.data(), from, step), job.nudge);
        first[x] = pixel[0], green[x] = pixel[Grey ? 0 : 1], third[x] = pixel[Grey ? 0 : 2];
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
    std::vector<uint16_t> whole(static_cast<size_t>(n));
    Scratch scratch(job.source);
    for (int64_t y = 0; y < side; ++y) {
        sum_rows(job, y, sum.data(), whole.data(), scratch);
        if (job.source.planar) {
            interleave(sum.data(), n / 3, pixels.data());
            reduce_row<false>(job, pixels.data(), 4, greys.data());
        } else if (job.source.grey) {
            reduce_row<true>(job, sum.data(), 1, greys.data());
        } else {
            reduce_row<false>(job, sum.data(), 3, greys.data());
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
