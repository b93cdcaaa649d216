// The small picture that is laid over a frame: colour and opacity of the map on 128 x 128 points of the crop.
#pragma once

#include <cstdint>
#include <vector>

#include "blend.h"

namespace efiqa {

// Three values a point, B, G, R.
struct Tints {
    std::vector<uint8_t> added, kept;
};

Tints make_tints(const float *map, const uint8_t *field, int32_t grid);

}  // namespace efiqa
