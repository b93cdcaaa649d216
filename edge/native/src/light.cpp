#include "light.h"

#include <algorithm>
#include <vector>

#include "contrast.h"
#include "filter.h"
#include "taps.h"
#include "vectors.h"

namespace efiqa {
namespace {

using Grid = std::vector<float>;

size_t area(int64_t side) { return static_cast<size_t>(side * side); }

// The means of side x side values over size x size cells; `sum` has room for a row.
template <class Value>
[[gnu::always_inline]] inline void means(const Value *__restrict values, const Taps &taps, int64_t side, int64_t size,
                                         float *__restrict sum, float *out) {
    for (int64_t y = 0; y < size; ++y) {
        const Tap &down = taps.of[static_cast<size_t>(y)];
        std::fill(sum, sum + side, 0.0f);
        for (int64_t t = down.begin; t < down.end; ++t) {
            const Value *__restrict row = values + (down.first + t - down.begin) * side;
            const float weight = taps.weights[static_cast<size_t>(t)];
            for (int64_t x = 0; x < side; ++x) sum[x] = add(sum[x], weight, static_cast<float>(row[x]));
        }
        for (int64_t x = 0; x < size; ++x) {
            const Tap &tap = taps.of[static_cast<size_t>(x)];
            out[y * size + x] = across<float>(tap, taps.weights.data(), sum + tap.first, 1);
        }
    }
}

template <class Value>
struct Means {
    const Value *values;
    const Taps *taps;
    int64_t side, size;
    float *sum, *out;
};

[[gnu::always_inline]] inline void mean_bytes_any(const Means<uint8_t> &job) {
    means(job.values, *job.taps, job.side, job.size, job.sum, job.out);
}
[[gnu::always_inline]] inline void mean_floats_any(const Means<float> &job) {
    means(job.values, *job.taps, job.side, job.size, job.sum, job.out);
}
EFIQA_WIDE(mean_bytes, const Means<uint8_t> &)
EFIQA_WIDE(mean_floats, const Means<float> &)

Grid cells(const uint8_t *values, const Taps &taps, int64_t side, int64_t size) {
    Grid out(area(size)), sum(static_cast<size_t>(side));
    mean_bytes({values, &taps, side, size, sum.data(), out.data()});
    return out;
}

Grid cells(const float *values, const Taps &taps, int64_t side, int64_t size) {
    Grid out(area(size)), sum(static_cast<size_t>(side));
    mean_floats({values, &taps, side, size, sum.data(), out.data()});
    return out;
}

void copy(const Grid &from, float *to) {
    if (to != nullptr) std::copy(from.begin(), from.end(), to);
}

// How far values stand out from their surroundings, cell by cell, as a share of the brightness.
void contrasts(const Grid &values, Grid around, int64_t side, const Grid &green, int64_t grid, float *out) {
    for (size_t i = 0; i < values.size(); ++i) around[i] = ripple(values[i], around[i]);
    const Grid found = cells(around.data(), make_taps(0, side, grid, side), side, grid);
    for (size_t i = 0; i < found.size(); ++i) out[i] = contrast(found[i], green[i]);
}

}  // namespace

void measure_light(const uint8_t *greys, int64_t side, const efiqa_light &light) {
    const int64_t grid = light.grid, fine_side = grid * kFine;
    const uint8_t *green_plane = greys + side * side;
    const Taps taps = make_taps(0, side, grid, side);
    const Grid green = cells(green_plane, taps, side, grid);
    copy(green, light.green);
    if (light.red != nullptr) copy(cells(greys, taps, side, grid), light.red);
    if (light.blue != nullptr) copy(cells(green_plane + side * side, taps, side, grid), light.blue);
    const Grid picture(green_plane, green_plane + side * side);
    copy(picture, light.picture);
    if (light.clipped != nullptr || light.detail != nullptr) {
        const Grid fine = cells(green_plane, make_taps(0, side, fine_side, side), side, fine_side);
        if (light.clipped != nullptr) {
            Grid ends(fine.size());
            std::transform(fine.begin(), fine.end(), ends.begin(), [](float v) { return at_its_end(v); });
            copy(cells(ends.data(), make_taps(0, fine_side, grid, fine_side), fine_side, grid), light.clipped);
        }
        if (light.detail != nullptr)
            contrasts(fine, filtered(fine, fine_side, fine_side, gaussian(2.0, 8)), fine_side, green, grid,
                      light.detail);
    }
    if (light.grain != nullptr)
        contrasts(picture, filtered(picture, side, side, Grid(3, 1.0f / 3.0f)), side, green, grid, light.grain);
}

}  // namespace efiqa
