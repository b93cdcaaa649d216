// Light and colour of what the network reads, cell by cell: see edge/frame/exposure.py and edge/findings/photometry.py.
#pragma once

#include <cstdint>

#include "efiqa_edge.h"

namespace efiqa {

// greys: (3, side, side), R, G, B.
void measure_light(const uint8_t *greys, int64_t side, const efiqa_light &light);

}  // namespace efiqa
