// The small network that tells causes apart: see edge/findings/cause_network.py.
#pragma once

#include <cstdint>
#include <vector>

namespace efiqa {

constexpr int64_t kCauses = 7;  // and an eighth class: what none of them took

struct Chances {
    int64_t side;              // of its cells, which are twice as wide as those of the grid
    std::vector<float> cells;  // (8, side, side), rows of `stride` floats for each class
    int64_t stride;
    float main[kCauses], present[kCauses];
};

// facts: (15, grid, grid). weights: EFIQA_CAUSE_WEIGHTS floats.
Chances tell_causes(const float *facts, int64_t grid, const float *weights);

}  // namespace efiqa
