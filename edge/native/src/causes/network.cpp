#include "causes/network.h"

#include <algorithm>

#include "causes/facts.h"
#include "causes/matrix.h"
#include "efiqa_edge.h"
#include "nonlinear.h"
#include "taps.h"
#include "vectors.h"

namespace efiqa {
namespace {

constexpr int64_t kBlur = 6;         // of the causes
constexpr float kLeast = 0.01f;      // share of the field, added to each: what the cells do not show can be the main one
constexpr float kBlurInCells = 3.5f, kBlurInFrame = 8.5f;  // how many times likelier blur counts for the main cause
constexpr int64_t kNear = 32, kFar = 48, kWhole = 64, kMixed = 48, kClasses = kCauses + 1;

struct Layer {
    const float *weights, *biases;
};

// Weights in their order, each layer's biases after it.
struct Network {
    Layer near, far, whole, mixed, classes, frame, ends;
};

Network read(const float *at) {
    const auto layer = [&](int64_t outputs, int64_t inputs) {
        const Layer found{at, at + outputs * inputs};
        at += outputs * inputs + outputs;
        return found;
    };
    return {layer(kNear, kFacts * 9),        layer(kFar, kNear * 9),      layer(kWhole, 2 * kFar + kFacts),
            layer(kMixed, kNear + kFar + kWhole), layer(kClasses, kMixed), layer(kMixed, kWhole + kClasses),
            layer(2 * kCauses, kMixed)};
}

static_assert(kNear * (kFacts * 9 + 1) + kFar * (kNear * 9 + 1) + kWhole * (2 * kFar + kFacts + 1) +
                      kMixed * (kNear + kFar + kWhole + 1) + kClasses * (kMixed + 1) +
                      kMixed * (kWhole + kClasses + 1) + 2 * kCauses * (kMixed + 1) ==
                  EFIQA_CAUSE_WEIGHTS,
              "the header says how many weights there are");

// What one call works on.
struct Job {
    const float *facts;
    int64_t grid, side, half;  // along a side: cells, those of `near`, those of `far`
    Network network;
    Taps halves;
    Matrix near_windows, near, far_windows, far, around, mixed, cells, scratch;
    Chances &found;
};

// What the outputs of some rows of a 3 x 3 convolution of stride 2 with padding 1 read: a row of `windows` for each
// channel and place, one column for each output. (Some rows at a time, so that all of it stays in the nearest cache.)
[[gnu::always_inline]] inline void gather(const float *seen, int64_t stride, int64_t size, int64_t first_row,
                                          int64_t rows, Matrix &windows) {
    const int64_t side = (size + 1) / 2;
    for (int64_t row = 0; row < windows.rows; ++row) {
        const int64_t down = row % 9 / 3, across = row % 3;
        const int64_t first = across == 0 ? 1 : 0, last = std::min(side, (size + 2 - across) / 2);
        for (int64_t y = 0; y < rows; ++y) {
            const int64_t from = 2 * (first_row + y) + down - 1;
            float *__restrict to = windows.row(row) + y * side;
            if (from < 0 || from >= size) {
                std::fill(to, to + side, 0.0f);
                continue;
            }
            const float *__restrict line = seen + row / 9 * stride + from * size;
            if (first > 0) to[0] = 0;
            for (int64_t x = first; x < last; ++x) to[x] = line[2 * x + across - 1];
            if (last < side) to[last] = 0;
        }
    }
}

// The convolution, and ReLU.
[[gnu::always_inline]] inline void convolve(const float *seen, int64_t stride, int64_t size, const Layer &layer,
                                            Matrix &windows, Matrix &out) {
    const int64_t side = (size + 1) / 2, band = windows.columns / side;
    for (int64_t y = 0; y < side; y += band) {
        gather(seen, stride, size, y, std::min(band, side - y), windows);
        multiply({layer.weights, windows.rows, windows, out, y * side});
    }
    for (int64_t k = 0; k < out.rows; ++k) {
        float *__restrict to = out.row(k);
        const float bias = layer.biases[k];
        for (int64_t x = 0; x < out.columns; ++x) to[x] = std::max(to[x] + bias, 0.0f);
    }
}

// Columns of the windows of whole rows, about as many as a product computes at once.
int64_t band_of(int64_t side) { return side * std::max<int64_t>(kColumns / side, 1); }

[[gnu::always_inline]] inline float dot(const float *weights, const float *values, int64_t n) {
    float sums[8] = {}, sum = 0;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int64_t lane = 0; lane < 8; ++lane) sums[lane] = add(sums[lane], weights[i + lane], values[i + lane]);
    for (const float each : sums) sum += each;
    for (; i < n; ++i) sum = add(sum, weights[i], values[i]);
    return sum;
}

[[gnu::always_inline]] inline void linear(const Layer &layer, const float *seen, int64_t inputs, int64_t outputs,
                                          float *out) {
    for (int64_t k = 0; k < outputs; ++k) out[k] = dot(layer.weights + k * inputs, seen, inputs) + layer.biases[k];
}

// What the whole frame says: means and peaks of `far`, and means of the facts in the field.
[[gnu::always_inline]] inline void see_whole(const Job &job, float *whole) {
    float seen[2 * kFar + kFacts];
    const int64_t cells = job.grid * job.grid, far = job.half * job.half;
    for (int64_t k = 0; k < kFar; ++k) {
        const float *row = job.far.row(k);
        seen[k] = static_cast<float>(total(row, far) / static_cast<double>(far));
        seen[kFar + k] = *std::max_element(row, row + far);
    }
    const double inside = std::max(total(job.facts + kInside * cells, cells), 1.0);
    for (int64_t k = 0; k < kFacts; ++k)
        seen[2 * kFar + k] = static_cast<float>(total(job.facts + k * cells, cells) / inside);
    linear(job.network.whole, seen, 2 * kFar + kFacts, kWhole, whole);
    for (int64_t k = 0; k < kWhole; ++k) whole[k] = std::max(whole[k], 0.0f);
}

// Near, far around and the whole frame, mixed cell by cell, with ReLU.
[[gnu::always_inline]] inline void mix(Job &job, const float *whole) {
    constexpr int64_t inputs = kNear + kFar + kWhole;
    const Layer &layer = job.network.mixed;
    multiply({layer.weights, inputs, job.near, job.mixed});
    multiply({layer.weights + kNear, inputs, job.far, job.around});
    for (int64_t k = 0; k < kMixed; ++k) {
        const float of_frame = dot(layer.weights + k * inputs + kNear + kFar, whole, kWhole) + layer.biases[k];
        float *__restrict to = job.mixed.row(k);
        const float *__restrict around = job.around.row(k);
        for (int64_t y = 0; y < job.side; ++y)
            for (int64_t x = 0; x < job.side; ++x) {
                float &value = to[y * job.side + x];
                value = std::max(value + around[y / 2 * job.half + x / 2] + of_frame, 0.0f);
            }
    }
}

// Scores of each class, (classes, n), to shares of 1; `most` and `sum` have room for a row.
[[gnu::always_inline]] inline void share_out(float *scores, int64_t stride, int64_t classes, int64_t n,
                                             float *__restrict most, float *__restrict sum) {
    std::copy(scores, scores + n, most);
    std::fill(sum, sum + n, 0.0f);
    for (int64_t k = 1; k < classes; ++k)
        for (int64_t x = 0; x < n; ++x) most[x] = std::max(most[x], scores[k * stride + x]);
    for (int64_t k = 0; k < classes; ++k) {
        float *__restrict row = scores + k * stride;
        for (int64_t x = 0; x < n; ++x) row[x] = exp_of(row[x] - most[x]), sum[x] += row[x];
    }
    for (int64_t k = 0; k < classes; ++k) {
        float *__restrict row = scores + k * stride;
        for (int64_t x = 0; x < n; ++x) row[x] /= sum[x];
    }
}

// The cells of each class, and how much of the field each class has.
[[gnu::always_inline]] inline void tell_cells(Job &job, float *found) {
    const int64_t points = job.side * job.side;
    multiply({job.network.classes.weights, kMixed, job.mixed, job.cells});
    for (int64_t k = 0; k < kClasses; ++k)
        for (int64_t x = 0; x < points; ++x) job.cells.row(k)[x] += job.network.classes.biases[k];
    share_out(job.cells.row(0), job.cells.stride, kClasses, points, job.scratch.row(0), job.scratch.row(1));
    const float *field = job.facts + kInside * job.grid * job.grid, *weights = job.halves.weights.data();
    float *inside = job.scratch.row(0);
    for (int64_t y = 0; y < job.side; ++y)
        for (int64_t x = 0; x < job.side; ++x) {
            const Tap &rows = job.halves.of[static_cast<size_t>(y)], &columns = job.halves.of[static_cast<size_t>(x)];
            float share = 0;
            for (int64_t t = rows.begin; t < rows.end; ++t) {
                const float *line = field + (rows.first + t - rows.begin) * job.grid + columns.first;
                share = add(share, weights[t], across<float>(columns, weights, line, 1));
            }
            inside[y * job.side + x] = share;
        }
    const auto area = static_cast<float>(std::max(total(inside, points), 1.0));
    for (int64_t k = 0; k < kClasses; ++k) found[k] = dot(job.cells.row(k), inside, points) / area;
}

// How likely each cause took most of the frame: by the whole, and by how much of the field the cells put down to it.
// `scratch` holds how much of each cell is field, as tell_cells leaves it.
[[gnu::always_inline]] inline void weigh(Job &job, float *main) {
    const int64_t points = job.side * job.side;
    const float *inside = job.scratch.row(0), *blur = job.cells.row(kBlur);
    float *leaning = job.scratch.row(1);
    for (int64_t x = 0; x < points; ++x) leaning[x] = inside[x] / (1.0f + (kBlurInCells - 1.0f) * blur[x]);
    const auto area = static_cast<float>(std::max(total(inside, points), 1.0));
    float sum = 0;
    for (int64_t k = 0; k < kCauses; ++k) {
        const float times = k == kBlur ? kBlurInCells : 1.0f;
        const float share = dot(job.cells.row(k), leaning, points) * times / area + kLeast;
        main[k] *= (k == kBlur ? kBlurInFrame : 1.0f) * share * share, sum += main[k];
    }
    for (int64_t k = 0; k < kCauses; ++k) main[k] /= sum;
}

[[gnu::always_inline]] inline void tell_any(Job &job) {
    const int64_t cells = job.grid * job.grid;
    convolve(job.facts, cells, job.grid, job.network.near, job.near_windows, job.near);
    convolve(job.near.row(0), job.near.stride, job.side, job.network.far, job.far_windows, job.far);
    float seen[kWhole + kClasses], hidden[kMixed], ends[2 * kCauses];
    see_whole(job, seen);
    mix(job, seen);
    tell_cells(job, seen + kWhole);
    linear(job.network.frame, seen, kWhole + kClasses, kMixed, hidden);
    for (float &value : hidden) value = std::max(value, 0.0f);
    linear(job.network.ends, hidden, kMixed, 2 * kCauses, ends);
    float most, sum;
    share_out(ends, 1, kCauses, 1, &most, &sum);
    weigh(job, ends);
    std::copy(ends, ends + kCauses, job.found.main);
    for (int64_t k = 0; k < kCauses; ++k)
        job.found.present[k] = 1.0f / (1.0f + exp_of(-clip(ends[kCauses + k], -50.0f, 50.0f)));
}

EFIQA_WIDE(tell, Job &)

}  // namespace

Chances tell_causes(const float *facts, int64_t grid, const float *weights) {
    const int64_t side = (grid + 1) / 2, half = (side + 1) / 2, near = side * side, far = half * half;
    Chances found{};
    Job job{facts,
            grid,
            side,
            half,
            read(weights),
            make_taps(0, grid, side, grid),
            {kFacts * 9, band_of(side)},
            {kNear, near},
            {kNear * 9, band_of(half)},
            {kFar, far},
            {kMixed, far},
            {kMixed, near},
            {kClasses, near},
            {2, near},
            found};
    tell(job);
    found.side = side, found.stride = job.cells.stride;
    found.cells = std::move(job.cells.values);
    return found;
}

}  // namespace efiqa
