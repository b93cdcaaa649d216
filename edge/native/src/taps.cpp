#include "taps.h"

#include "resample.h"

namespace efiqa {

Taps make_taps(int64_t origin, int64_t side, int64_t size, int64_t extent) {
    const Axis axis{origin, side, size, extent};
    const Reach seen = seen_of(axis);
    Taps taps;
    taps.low = seen.first, taps.high = seen.last;
    taps.of.reserve(static_cast<size_t>(size));
    taps.weights.reserve(static_cast<size_t>(seen.last - seen.first + 2 * size));
    for (int64_t i = 0; i < size; ++i) {
        const Reach reach = reach_of(axis, i);
        Tap tap{reach.first, static_cast<int64_t>(taps.weights.size()), 0};
        for (int64_t p = reach.first; p < reach.last; ++p) taps.weights.push_back(share_of(axis, i, p));
        tap.end = static_cast<int64_t>(taps.weights.size());
        taps.of.push_back(tap);
    }
    return taps;
}

}  // namespace efiqa
