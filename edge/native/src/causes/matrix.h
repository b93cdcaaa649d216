// Products of small matrices, each number the sum over its row and column in their order, whatever the vectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base.h"

namespace efiqa {

constexpr int64_t kColumns = 16;  // that a product computes at once, or fewer

// Rows that begin `stride` floats apart; past each is room for the columns that a product computes beyond it.
struct Matrix {
    int64_t rows, columns, stride;
    std::vector<float> values;

    Matrix(int64_t down, int64_t across)
        : rows(down), columns(across), stride((across + 2 * kColumns - 1) / kColumns * kColumns),
          values(static_cast<size_t>(down * stride)) {}

    [[gnu::always_inline]] float *row(int64_t at) { return values.data() + at * stride; }
    [[gnu::always_inline]] const float *row(int64_t at) const { return values.data() + at * stride; }
};

// out = left * right, from a column of `out` on. Rows of `left` are right.rows long and begin `apart` floats apart; of
// `out` they are a multiple of four.
struct Product {
    const float *left;
    int64_t apart;
    const Matrix &right;
    Matrix &out;
    int64_t column = 0;
};

void multiply(const Product &job);

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
