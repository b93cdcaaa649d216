// The part of a field that its rim does not touch.
#pragma once

#include <cstdint>
#include <vector>

namespace efiqa {

// Cells of a field (grid, grid) with nothing but field two cells around, beyond the crop too; all of it where there is
// none such. As numbers of cells.
std::vector<int64_t> core_of(const uint8_t *field, int64_t grid);

}  // namespace efiqa
