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

// Pictures whose rows are worked out when they are asked for, so that none is written to memory: each is a function of
// a row's number and of where its floats go.

struct Greys {
    const uint8_t *values;
    int64_t side;
    [[gnu::always_inline]] void operator()(int64_t y, float *__restrict out) const {
        const uint8_t *__restrict row = values + y * side;
        for (int64_t x = 0; x < side; ++x) out[x] = static_cast<float>(row[x]);
    }
};

// Means of 2 x 2 bytes.
struct Halved {
    const uint8_t *values;
    int64_t side;
    [[gnu::always_inline]] void operator()(int64_t y, float *__restrict out) const {
        const uint8_t *__restrict above = values + 2 * y * side, *__restrict below = above + side;
        for (int64_t x = 0; x < side / 2; ++x) {
            const int32_t sum = above[2 * x] + above[2 * x + 1] + below[2 * x] + below[2 * x + 1];
            out[x] = static_cast<float>(sum) * 0.25f;
        }
    }
};

struct Ends {
    const float *fine;
    int64_t side;
    [[gnu::always_inline]] void operator()(int64_t y, float *__restrict out) const {
        for (int64_t x = 0; x < side; ++x) out[x] = at_its_end(fine[y * side + x]);
    }
};

// How far values stand out from their surroundings.
template <int Bytes>
struct Ripples {
    Filter &filter;
    [[gnu::always_inline]] void operator()(int64_t y, float *__restrict out) const {
        const float *__restrict row = filter.grid + y * filter.width;
        filter.row<Bytes>(y, out);
        for (int64_t x = 0; x < filter.width; ++x) out[x] = ripple(row[x], out[x]);
    }
};

// The same of bytes and their neighbours of 3 x 3; `sums` has room for a row and both its ends.
struct Grains {
    const uint8_t *values;
    int64_t side;
    int32_t *sums;
    [[gnu::always_inline]] void operator()(int64_t y, float *__restrict out) const {
        const uint8_t *__restrict row = values + y * side, *__restrict above = values + mirrored(y - 1, side) * side;
        const uint8_t *__restrict below = values + mirrored(y + 1, side) * side;
        int32_t *__restrict sum = sums + 1;
        for (int64_t x = 0; x < side; ++x) sum[x] = above[x] + row[x] + below[x];
        sum[-1] = sum[mirrored(-1, side)], sum[side] = sum[mirrored(side, side)];
        for (int64_t x = 0; x < side; ++x) out[x] = out_of_nine(row[x], sum[x - 1] + sum[x] + sum[x + 1]);
    }
};

// What one call works on.
struct Job {
    const uint8_t *greys;  // (3, side, side), R, G, B
    int64_t side, grid, fine_side;
    const efiqa_light &light;
    Taps cells, points, fine_cells;  // of the picture, of its fine points, and of those
    Filter filter;
    Grid fine, green, line, sum;
    std::vector<int32_t> sums;
};

// The means of a picture over size x size cells.
template <class Row>
[[gnu::always_inline]] inline void means(Job &job, const Row &row, const Taps &taps, int64_t side, int64_t size,
                                         float *out) {
    float *__restrict sum = job.sum.data(), *__restrict line = job.line.data();
    for (int64_t y = 0; y < size; ++y) {
        const Tap &down = taps.of[static_cast<size_t>(y)];
        std::fill(sum, sum + side, 0.0f);
        for (int64_t t = down.begin; t < down.end; ++t) {
            row(down.first + t - down.begin, line);
            const float weight = taps.weights[static_cast<size_t>(t)];
            for (int64_t x = 0; x < side; ++x) sum[x] = add(sum[x], weight, line[x]);
        }
        for (int64_t x = 0; x < size; ++x) {
            const Tap &tap = taps.of[static_cast<size_t>(x)];
            out[y * size + x] = across<float>(tap, taps.weights.data(), sum + tap.first, 1);
        }
    }
}

// Means over cells as shares of the brightness.
template <class Row>
[[gnu::always_inline]] inline void contrasts(Job &job, const Row &row, const Taps &taps, int64_t side, float *out) {
    means(job, row, taps, side, job.grid, out);
    for (size_t i = 0; i < job.green.size(); ++i) out[i] = contrast(out[i], job.green[i]);
}

template <int Bytes>
[[gnu::always_inline]] inline void measure_any(Job &job) {
    const efiqa_light &light = job.light;
    const int64_t side = job.side, grid = job.grid, fine_side = job.fine_side;
    const uint8_t *red = job.greys, *green = red + side * side, *blue = green + side * side;
    means(job, Greys{green, side}, job.cells, side, grid, job.green.data());
    if (light.green != nullptr) std::copy(job.green.begin(), job.green.end(), light.green);
    if (light.red != nullptr) means(job, Greys{red, side}, job.cells, side, grid, light.red);
    if (light.blue != nullptr) means(job, Greys{blue, side}, job.cells, side, grid, light.blue);
    if (light.picture != nullptr)
        for (int64_t y = 0; y < side; ++y) Greys{green, side}(y, light.picture + y * side);
    if (light.clipped != nullptr || light.detail != nullptr) {
        if (side == 2 * fine_side)
            for (int64_t y = 0; y < fine_side; ++y) Halved{green, side}(y, job.fine.data() + y * fine_side);
        else
            means(job, Greys{green, side}, job.points, side, fine_side, job.fine.data());
        if (light.clipped != nullptr)
            means(job, Ends{job.fine.data(), fine_side}, job.fine_cells, fine_side, grid, light.clipped);
        if (light.detail != nullptr) contrasts(job, Ripples<Bytes>{job.filter}, job.fine_cells, fine_side, light.detail);
    }
    if (light.grain != nullptr) contrasts(job, Grains{green, side, job.sums.data()}, job.cells, side, light.grain);
}

EFIQA_LANES(measure, Job &)

}  // namespace

void measure_light(const uint8_t *greys, int64_t side, const efiqa_light &light) {
    static const Grid around = gaussian(2.0, 8);
    const int64_t grid = light.grid, fine = grid * kFine;
    Grid points(area(fine));
    Filter filter(points.data(), fine, fine, around);
    Job job{greys,
            side,
            grid,
            fine,
            light,
            make_taps(0, side, grid, side),
            make_taps(0, side, fine, side),
            make_taps(0, fine, grid, fine),
            std::move(filter),
            std::move(points),  // its floats stay where they are
            Grid(area(grid)),
            Grid(static_cast<size_t>(side)),
            Grid(static_cast<size_t>(side)),
            std::vector<int32_t>(static_cast<size_t>(side) + 2)};
    measure(job);
}

}  // namespace efiqa
