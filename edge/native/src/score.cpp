#include "score.h"

#include <algorithm>
#include <vector>

#include "check.h"
#include "efiqa_edge.h"
#include "guard.h"

namespace efiqa {
namespace {

bool counts(double weight) { return weight >= 0 && weight <= 1e300; }  // false for NaN

double score_of(const float *maps, int32_t count, int32_t grid, const uint8_t *field, const efiqa_pooling &given) {
    const size_t cells = static_cast<size_t>(grid) * static_cast<size_t>(grid);
    const double most = std::max({given.disc, given.macula, given.periphery});
    const Pooling pooling{given.periphery, given.disc - given.periphery, given.macula - given.periphery, 1e-6 * most};
    std::vector<double> weights(cells);
    double total = 0, lost = 0;
    for (size_t i = 0; i < cells; ++i) {
        const float disc = count > 1 ? maps[cells + i] : 0.0f, macula = count > 1 ? maps[2 * cells + i] : 0.0f;
        weights[i] = weight_of(pooling, disc, macula, field[i] != 0);
        total += weights[i];
    }
    if (!(total > 0)) return 0;
    for (size_t i = 0; i < cells; ++i) lost += lost_of(weights[i], total, maps[i]);
    return std::clamp(1 - lost, 0.0, 1.0);
}

}  // namespace
}  // namespace efiqa

efiqa_status efiqa_score(const float *maps, uint64_t maps_size, int32_t count, int32_t grid, const uint8_t *field,
                         uint64_t field_size, const efiqa_pooling *pooling, double *score) noexcept {
    if (pooling == nullptr || score == nullptr) return EFIQA_NULL_POINTER;
    const efiqa_status found = efiqa::check_maps(maps, maps_size, count, grid, field, field_size);
    if (found != EFIQA_OK) return found;
    const bool counted = efiqa::counts(pooling->disc) && efiqa::counts(pooling->macula);
    if (!counted || !efiqa::counts(pooling->periphery) || !(pooling->periphery > 0)) return EFIQA_BAD_NUMBER;
    return efiqa::guarded([&] {
        *score = efiqa::score_of(maps, count, grid, field, *pooling);
        return EFIQA_OK;
    });
}
