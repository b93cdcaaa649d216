// Sixteen floats at once: one vector of 512 bits, two of 256 or four of 128, with the same bits from all.
#pragma once

#include <cstring>

#include "base.h"

namespace efiqa {

using Lanes = float __attribute__((vector_size(64)));
constexpr int64_t kLanes = 16;

EFIQA_FN Lanes load(const float *from) {
    Lanes read;
    std::memcpy(&read, from, sizeof read);
    return read;
}

EFIQA_FN void store(float *to, const Lanes &value) { std::memcpy(to, &value, sizeof value); }

EFIQA_FN int64_t whole_lanes(int64_t number) { return (number + kLanes - 1) / kLanes * kLanes; }

}  // namespace efiqa
