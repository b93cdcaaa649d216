#include "taps.h"

#include <algorithm>
#include <cmath>

namespace efiqa {

Taps make_taps(int64_t origin, int64_t side, int64_t size, int64_t extent) {
    Taps taps;
    const int64_t low = std::clamp<int64_t>(origin, 0, extent);
    const int64_t high = std::clamp<int64_t>(origin + side, low, extent);
    taps.low = low, taps.high = high;
    taps.of.reserve(static_cast<size_t>(size));
    taps.weights.reserve(static_cast<size_t>(high - low + 2 * size));
    const double scale = static_cast<double>(side) / static_cast<double>(size);
    for (int64_t i = 0; i < size; ++i) {
        Tap tap{low, static_cast<int64_t>(taps.weights.size()), 0};
        const auto add = [&](int64_t from, int64_t to, auto weight) {  // crop pixels from .. to
            const int64_t first = std::max(from + origin, low), last = std::min(to + origin, high);
            tap.first = first < last ? first : low;
            for (int64_t p = first; p < last; ++p) taps.weights.push_back(static_cast<float>(weight(p - origin)));
        };
        if (side >= size) {  // area: how much of each input pixel the output pixel covers
            const double begin = static_cast<double>(i) * scale, end = begin + scale;
            add(static_cast<int64_t>(begin), static_cast<int64_t>(std::ceil(end)), [&](int64_t p) {
                const double x = static_cast<double>(p);
                return std::max(0.0, std::min(end, x + 1) - std::max(begin, x)) / scale;
            });
        } else {  // linear between pixel centres; beyond the outermost centre of the crop its value stays
            const double last = static_cast<double>(side - 1);
            const double at = std::clamp((static_cast<double>(i) + 0.5) * scale - 0.5, 0.0, last);
            const auto before = static_cast<int64_t>(at);
            const double share = at - static_cast<double>(before);
            add(before, std::min(before + 2, side), [&](int64_t p) { return p == before ? 1 - share : share; });
        }
        tap.end = static_cast<int64_t>(taps.weights.size());
        taps.of.push_back(tap);
    }
    return taps;
}

}  // namespace efiqa
