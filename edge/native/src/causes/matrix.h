// Products of small matrices, each number the sum over its row and column in their order, whatever the vectors.
#pragma once

#include <cstdint>
#include <vector>

#include "lanes.h"

namespace efiqa {

// Rows that begin `stride` floats apart, which is whole vectors; what pads them is 0 at first.
struct Matrix {
    int64_t rows, columns, stride;
    std::vector<float> values;

    Matrix(int64_t down, int64_t across)
        : rows(down), columns(across), stride(whole_lanes(across)), values(static_cast<size_t>(down * stride)) {}

    [[gnu::always_inline]] float *row(int64_t at) { return values.data() + at * stride; }
    [[gnu::always_inline]] const float *row(int64_t at) const { return values.data() + at * stride; }
};

// out = left * right; rows of `left` are right.rows long and begin `apart` floats apart. Of `out`, a multiple of four
// rows.
[[gnu::always_inline]] inline void multiply(const float *left, int64_t apart, const Matrix &right, Matrix &out) {
    for (int64_t k = 0; k < out.rows; k += 4) {
        const float *one = left + k * apart, *two = one + apart, *three = two + apart, *four = three + apart;
        for (int64_t x = 0; x < right.stride; x += kLanes) {
            Lanes sums[4] = {};
            const float *from = right.values.data() + x;
            for (int64_t c = 0; c < right.rows; ++c, from += right.stride) {
                const Lanes read = load(from);
                sums[0] = add(sums[0], one[c], read), sums[1] = add(sums[1], two[c], read);
                sums[2] = add(sums[2], three[c], read), sums[3] = add(sums[3], four[c], read);
            }
            for (int64_t row = 0; row < 4; ++row) store(out.row(k + row) + x, sums[row]);
        }
    }
}

// A sum in double precision, four numbers apart, so that vectors may hold it.
[[gnu::always_inline]] inline double total(const float *values, int64_t n) {
    double sums[4] = {};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int64_t lane = 0; lane < 4; ++lane) sums[lane] += static_cast<double>(values[i + lane]);
    for (; i < n; ++i) sums[0] += static_cast<double>(values[i]);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace efiqa
