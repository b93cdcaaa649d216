// Smoothing of small grids, as OpenCV defines it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lanes.h"

namespace efiqa {

// Weights of a Gaussian, reach * 2 + 1 of them, of a sum of 1.
std::vector<float> gaussian(double sigma, int64_t reach);

// Rows and columns of a grid of height * width floats weighed and added, columns first; beyond the rim it is mirrored.
std::vector<float> filtered(const std::vector<float> &grid, int64_t height, int64_t width,
                            const std::vector<float> &weights);

// out[i] = weights[0] * line(0)[i] + weights[1] * line(1)[i] + ..., in this order.
template <int Bytes, class Line>
[[gnu::always_inline]] inline void weigh(const Line &line, const std::vector<float> &weights, int64_t n,
                                         float *__restrict out) {
    using Some = Lanes<Bytes>;
    const size_t taps = weights.size();
    int64_t i = 0;
    for (; i + 2 * Some::number <= n; i += 2 * Some::number) {
        typename Some::Vector one = {}, two = {};
        for (size_t t = 0; t < taps; ++t) {
            const float *from = line(static_cast<int64_t>(t)) + i;
            one = add(one, weights[t], Some::load(from)), two = add(two, weights[t], Some::load(from + Some::number));
        }
        Some::store(out + i, one), Some::store(out + i + Some::number, two);
    }
    if (i == n) return;
    std::fill(out + i, out + n, 0.0f);
    for (size_t t = 0; t < taps; ++t) {
        const float *__restrict from = line(static_cast<int64_t>(t));
        for (int64_t x = i; x < n; ++x) out[x] = add(out[x], weights[t], from[x]);
    }
}

// What is filtered, and room for a row of it with what mirrors its ends.
struct Filter {
    const float *grid;
    int64_t height, width;
    const std::vector<float> *weights;
    std::vector<float> line;

    Filter(const float *values, int64_t rows, int64_t columns, const std::vector<float> &taps)
        : grid(values), height(rows), width(columns), weights(&taps),
          line(static_cast<size_t>(columns) + taps.size() - 1) {}

    struct Rows {
        const Filter &of;
        int64_t first;
        [[gnu::always_inline]] const float *operator()(int64_t tap) const {
            return of.grid + mirrored(first + tap, of.height) * of.width;
        }
    };
    struct Places {
        const float *line;
        [[gnu::always_inline]] const float *operator()(int64_t tap) const { return line + tap; }
    };

    // One row of the result.
    template <int Bytes>
    [[gnu::always_inline]] void row(int64_t y, float *__restrict out) {
        const auto reach = static_cast<int64_t>(weights->size()) / 2;
        float *middle = line.data() + reach;
        weigh<Bytes>(Rows{*this, y - reach}, *weights, width, middle);
        for (int64_t x = 1; x <= reach; ++x) {
            middle[-x] = middle[mirrored(-x, width)];
            middle[width - 1 + x] = middle[mirrored(width - 1 + x, width)];
        }
        weigh<Bytes>(Places{line.data()}, *weights, width, out);
    }
};

}  // namespace efiqa
