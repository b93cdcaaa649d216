// Version, sentences, and what this machine offers.
#include <cstdlib>

#include "efiqa_edge.h"
#include "vectors.h"

int32_t efiqa_abi_version(void) noexcept { return EFIQA_ABI_VERSION; }

const char *efiqa_version(void) noexcept { return EFIQA_VERSION; }

const char *efiqa_sentence(int32_t status) noexcept {
    switch (status) {
        case EFIQA_OK: return "all went well.";
        case EFIQA_NULL_POINTER: return "a pointer that is needed is null: hand over the buffer.";
        case EFIQA_BAD_FORMAT: return "there is no such pixel format, matrix, range or tensor type: see efiqa_edge.h.";
        case EFIQA_BAD_SIZE: return "a width, height, side or grid is out of its limits: see efiqa_edge.h.";
        case EFIQA_BAD_STRIDE: return "a stride is negative or shorter than a row: state the bytes from row to row.";
        case EFIQA_SHORT_BUFFER: return "a buffer is shorter than its shape asks for: enlarge it, or state its size.";
        case EFIQA_BAD_CROP:
            return "the crop needs a side of at least 1 pixel, some of the frame in it, and to lie within 2^31 pixels.";
        case EFIQA_BAD_NUMBER:
            return "a number is out of its range: maps lie in [0, 1]; mean and std are finite, std and scale above 0, zero_point in "
                   "int8; a circle has a radius; pooling counts the periphery; light is that of a frame; a field has cells.";
        case EFIQA_OUT_OF_MEMORY: return "the memory ran out: free some, or use smaller frames.";
        case EFIQA_UNALIGNED: return "numbers lie at an address that their type cannot have: align the buffer.";
        default: return "this is no status of efiqa-edge.";
    }
}

namespace efiqa {
namespace {

int measure() noexcept {
    int most = 128;
#if defined(__x86_64__) && defined(__GNUC__)
    if (__builtin_cpu_supports("avx2")) most = 256;
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) most = 512;
#endif
    const char *asked = std::getenv("EFIQA_VECTORS");
    const int limit = asked != nullptr ? std::atoi(asked) : 0;
    return limit > 0 && limit < most ? limit : most;
}

}  // namespace

int widest() noexcept {
    static const int most = measure();
    return most;
}

}  // namespace efiqa
