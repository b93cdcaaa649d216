// What the network of causes reads, cell by cell: see edge/findings/cause_network.py.
#pragma once

#include <cstdint>
#include <vector>

#include "efiqa_edge.h"

namespace efiqa {

constexpr int64_t kFacts = 15, kInside = 12;  // channels, and the one that says where the field is

// Grids that one call is handed. `disc` and `macula` may be null.
struct Seen {
    const float *map, *disc, *macula;
    const uint8_t *field;
    const efiqa_light *light;
    int64_t grid;
};

// The facts, (kFacts, grid, grid), 0 outside the field, and how far green of a cell and its next neighbours is from what
// is around them, as a share of that, (grid, grid).
struct Facts {
    std::vector<float> channels, coarse;
};

Facts facts_of(const Seen &seen);

}  // namespace efiqa
