// Resampling along one axis, as weights that are worked out once a call.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor.h"

namespace efiqa {

struct Taps {
    std::vector<Tap> of;
    std::vector<float> weights;
    int64_t low, high;  // the part of the frame that any tap reads
};

// Taps for `side` crop pixels from `origin` onto `size` output pixels. Positions beyond the frame (0 .. extent) are
// black and get no weight, so the work is bounded by the frame, however large the crop is.
Taps make_taps(int64_t origin, int64_t side, int64_t size, int64_t extent);

}  // namespace efiqa
