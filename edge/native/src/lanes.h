// Several floats at once, in one register of the vectors at hand: of 16, 32 or 64 bytes, with the same bits from all.
#pragma once

#include <cstring>

#include "base.h"

namespace efiqa {

template <int Bytes>
struct Lanes {
    typedef float Vector __attribute__((vector_size(Bytes)));  // of `using` the attribute is lost
    static constexpr int64_t number = Bytes / 4;
    static_assert(sizeof(Vector) == Bytes, "a vector");

    EFIQA_FN static Vector load(const float *from) {
        Vector read;
        std::memcpy(&read, from, sizeof read);
        return read;
    }
    EFIQA_FN static void store(float *to, const Vector &value) { std::memcpy(to, &value, sizeof value); }
};

}  // namespace efiqa
