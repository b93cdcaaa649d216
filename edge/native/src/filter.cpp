#include "filter.h"

#include <cmath>

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
    Filter filter;
    float *out;
};

template <int Bytes>
[[gnu::always_inline]] inline void run_any(Job &job) {
    for (int64_t y = 0; y < job.filter.height; ++y) job.filter.row<Bytes>(y, job.out + y * job.filter.width);
}

EFIQA_LANES(run, Job &)

}  // namespace

std::vector<float> filtered(const std::vector<float> &grid, int64_t height, int64_t width,
                            const std::vector<float> &weights) {
    std::vector<float> out(grid.size());
    Job job{{grid.data(), height, width, weights}, out.data()};
    run(job);
    return out;
}

}  // namespace efiqa
