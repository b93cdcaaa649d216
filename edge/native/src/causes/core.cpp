#include "causes/core.h"

#include <algorithm>

namespace efiqa {

std::vector<int64_t> core_of(const uint8_t *field, int64_t grid) {
    constexpr int64_t reach = 2;
    std::vector<uint8_t> across(static_cast<size_t>(grid * grid));
    const auto at = [grid](int64_t y, int64_t x) { return static_cast<size_t>(y * grid + x); };
    for (int64_t y = 0; y < grid; ++y)
        for (int64_t x = 0; x < grid; ++x) {
            uint8_t all = 1;
            for (int64_t i = std::max<int64_t>(x - reach, 0); i <= std::min(x + reach, grid - 1); ++i)
                all &= field[at(y, i)] != 0;
            across[at(y, x)] = all;
        }
    std::vector<int64_t> core, whole;
    for (int64_t y = 0; y < grid; ++y)
        for (int64_t x = 0; x < grid; ++x) {
            uint8_t all = 1;
            for (int64_t i = std::max<int64_t>(y - reach, 0); i <= std::min(y + reach, grid - 1); ++i)
                all &= across[at(i, x)];
            if (all) core.push_back(y * grid + x);
            if (field[at(y, x)] != 0) whole.push_back(y * grid + x);
        }
    return core.empty() ? whole : core;
}

}  // namespace efiqa
