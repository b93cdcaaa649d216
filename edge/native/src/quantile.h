// Of many values the one that so many others lie below.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace efiqa {

// The value below which about such a share of them lies; there must be one.
inline float quantile(std::vector<float> values, double share) {
    const auto place = static_cast<int64_t>(share * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), values.begin() + place, values.end());
    return values[static_cast<size_t>(place)];
}

}  // namespace efiqa
