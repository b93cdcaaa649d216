// Where the C ABI meets C++: memory is all that can run out, and no exception leaves.
#pragma once

#include <new>

#include "efiqa_edge.h"

namespace efiqa {

template <class Work>
efiqa_status guarded(Work work) noexcept {
    try {
        return work();
    } catch (...) {
        return EFIQA_OUT_OF_MEMORY;
    }
}

}  // namespace efiqa
