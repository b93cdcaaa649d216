#include "filter.h"

#include <algorithm>
#include <cmath>

#include "base.h"
#include "vectors.h"

namespace efiqa {

std::vector<float> gaussian(double sigma, int64_t reach) {
    std::vector<double> exact;
    double sum = 0;
    for (int64_t at = -reach; at <= reach; ++at) {
        const auto x = static_cast<double>(at);
        exact.push_back(std::exp(-x * x / (2 * sigma * sigma)));
        sum += exact.back();
    }
    std::vector<float> weights;
    for (const double each : exact) weights.push_back(static_cast<float>(each / sum));
    return weights;
}

namespace {

struct Job {
    const float *grid;
    int64_t height, width;
    const std::vector<float> *weights;
    float *out;
};

[[gnu::always_inline]] inline void add_line(float *__restrict sum, const float *__restrict line, float weight,
                                            int64_t n) {
    for (int64_t i = 0; i < n; ++i) sum[i] = add(sum[i], weight, line[i]);
}

[[gnu::always_inline]] inline void run_any(Job &job) {
    const std::vector<float> &weights = *job.weights;
    const auto taps = static_cast<int64_t>(weights.size());
    const int64_t reach = taps / 2, width = job.width;
    std::vector<float> line(static_cast<size_t>(width + 2 * reach));
    float *middle = line.data() + reach;
    for (int64_t y = 0; y < job.height; ++y) {
        std::fill(line.begin(), line.end(), 0.0f);
        for (int64_t t = 0; t < taps; ++t) {
            const float *row = job.grid + mirrored(y + t - reach, job.height) * width;
            add_line(middle, row, weights[static_cast<size_t>(t)], width);
        }
        for (int64_t x = 1; x <= reach; ++x) {
            middle[-x] = middle[mirrored(-x, width)];
            middle[width - 1 + x] = middle[mirrored(width - 1 + x, width)];
        }
        float *out = job.out + y * width;
        for (int64_t t = 0; t < taps; ++t) add_line(out, line.data() + t, weights[static_cast<size_t>(t)], width);
    }
}

EFIQA_WIDE(run, Job &)

}  // namespace

std::vector<float> filtered(const std::vector<float> &grid, int64_t height, int64_t width,
                            const std::vector<float> &weights) {
    std::vector<float> out(grid.size(), 0.0f);
    Job job{grid.data(), height, width, &weights, out.data()};
    run(job);
    return out;
}

}  // namespace efiqa
