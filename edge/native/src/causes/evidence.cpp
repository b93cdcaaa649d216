// What speaks for each cause in one frame: see edge/findings/evidence.py.
#include <algorithm>
#include <initializer_list>
#include <vector>

#include "causes/core.h"
#include "causes/facts.h"
#include "causes/network.h"
#include "check.h"
#include "efiqa_edge.h"
#include "guard.h"
#include "nonlinear.h"
#include "quantile.h"

namespace efiqa {
namespace {

static_assert(kCauses == EFIQA_CAUSES, "the arrays of the evidence have room for all causes");

constexpr float kDim = 20.0f;       // grey values of green: a vessel here is some 4 deep
constexpr float kGlowing = 185.0f;  // grey values from which a frame without a field is all light
constexpr float kBlackest = 24.0f;  // grey values outside the field up to which these are the black of the camera
constexpr float kPlateau = 4.0f;    // the brightest channel of half the field is within this of its end
constexpr float kMostWeight = 1e4f;

using Values = std::vector<float>;
using Cells = std::vector<int64_t>;

Cells cells_where(const uint8_t *field, int64_t grid, bool inside) {
    Cells found;
    found.reserve(static_cast<size_t>(grid * grid));
    for (int64_t i = 0; i < grid * grid; ++i)
        if ((field[i] != 0) == inside) found.push_back(i);
    return found;
}

Values picked(const float *values, const Cells &cells) {
    Values found(cells.size());
    std::transform(cells.begin(), cells.end(), found.begin(), [=](int64_t i) { return values[i]; });
    return found;
}

// What this camera shows where no light comes from; 0 where nothing tells.
float black_level(const Seen &seen) {
    const Cells outside = cells_where(seen.field, seen.grid, false);
    if (outside.empty()) return 0;
    const float level = quantile(picked(seen.light->green, outside), 0.1);
    return level <= kBlackest ? level : 0;
}

// Medians and ends of the colours in the field.
void see_colours(const Seen &seen, const Cells &cells, efiqa_evidence &found) {
    const float black = black_level(seen);
    const auto lighter = [=](const float *channel, int64_t i) { return std::max(channel[i] - black, 0.0f); };
    Values top, greens, reds, blues;
    for (Values *each : {&top, &greens, &reds, &blues}) each->reserve(cells.size());
    for (const int64_t i : cells) greens.push_back(lighter(seen.light->green, i));
    const bool any = std::any_of(greens.begin(), greens.end(), [](float green) { return green >= kDim; });
    for (size_t n = 0; n < cells.size(); ++n) {
        const float red = lighter(seen.light->red, cells[n]), blue = lighter(seen.light->blue, cells[n]);
        top.push_back(std::max({red, greens[n], blue}));
        if (any && greens[n] < kDim) continue;
        reds.push_back((red + 1.0f) / (greens[n] + 1.0f));
        blues.push_back((blue + 1.0f) / (greens[n] + 1.0f));
    }
    found.red = log_of(quantile(reds, 0.5)), found.blue = log_of(quantile(blues, 0.5));  // in the same order
    const bool flat = quantile(top, 0.95) - quantile(top, 0.5) <= kPlateau;
    found.flooded = flat && quantile(greens, 0.5) >= kGlowing;
}

// How much of the field each cause took, and the middle of it.
void see_parts(const Chances &chances, const uint8_t *field, int64_t grid, double number, efiqa_evidence &found) {
    const double half = static_cast<double>(grid) / 2;
    for (int64_t k = 0; k < kCauses; ++k) {
        const float *took = chances.cells.data() + k * chances.stride;
        double sum = 0, across = 0, down = 0;
        for (int64_t y = 0; y < grid; ++y)
            for (int64_t x = 0; x < grid; ++x) {
                if (field[y * grid + x] == 0) continue;
                const double part = took[y / 2 * chances.side + x / 2];
                sum += part;
                across += part * (static_cast<double>(x) + 0.5), down += part * (static_cast<double>(y) + 0.5);
            }
        const double all = std::max(sum, 1e-12);
        found.main[k] = chances.main[k], found.present[k] = chances.present[k], found.share[k] = sum / number;
        found.x[k] = sum > 0 ? across / all / half - 1 : 0, found.y[k] = sum > 0 ? down / all / half - 1 : 0;
    }
}

efiqa_evidence explain(const Seen &seen, const float *weights) {
    efiqa_evidence found{};
    const Cells cells = cells_where(seen.field, seen.grid, true), core = core_of(seen.field, seen.grid);
    const auto number = static_cast<double>(cells.size());
    for (const int64_t i : cells) found.lost += static_cast<double>(seen.map[i]) / number;
    see_colours(seen, cells, found);
    const Facts facts = facts_of(seen);
    see_parts(tell_causes(facts.channels.data(), seen.grid, weights), seen.field, seen.grid, number, found);
    found.detail = quantile(picked(seen.light->detail, cells), 0.5);
    const double coarse = quantile(picked(facts.coarse.data(), core), 0.5);
    found.focus = static_cast<double>(quantile(picked(seen.light->detail, core), 0.5)) / std::max(coarse, 0.002);
    return found;
}

efiqa_status check(const Seen &seen, uint64_t size, uint64_t field_size, const float *weights, uint64_t weights_size) {
    if (seen.map == nullptr || seen.field == nullptr || weights == nullptr) return EFIQA_NULL_POINTER;
    const efiqa_status found = check_measured(seen.light);
    if (found != EFIQA_OK) return found;
    const uint64_t cells = static_cast<uint64_t>(seen.light->grid) * static_cast<uint64_t>(seen.light->grid);
    for (const float *values : {seen.map, seen.disc, seen.macula, weights})
        if (!is_aligned(values, sizeof *values)) return EFIQA_UNALIGNED;
    if (size < cells || field_size < cells || weights_size < EFIQA_CAUSE_WEIGHTS) return EFIQA_SHORT_BUFFER;
    for (const float *values : {seen.map, seen.disc, seen.macula})
        if (values != nullptr && !lie_within(values, cells, 0, 1)) return EFIQA_BAD_NUMBER;
    if (!lie_within(weights, EFIQA_CAUSE_WEIGHTS, -kMostWeight, kMostWeight)) return EFIQA_BAD_NUMBER;
    const bool any = std::any_of(seen.field, seen.field + cells, [](uint8_t inside) { return inside != 0; });
    return any ? EFIQA_OK : EFIQA_BAD_NUMBER;
}

}  // namespace
}  // namespace efiqa

efiqa_status efiqa_causes(const float *map, const float *disc, const float *macula, uint64_t size, const uint8_t *field,
                          uint64_t field_size, const efiqa_light *light, const float *weights, uint64_t weights_size,
                          efiqa_evidence *evidence) noexcept {
    efiqa::Seen seen{map, disc, macula, field, light, 0};
    if (evidence == nullptr) return EFIQA_NULL_POINTER;
    const efiqa_status found = efiqa::check(seen, size, field_size, weights, weights_size);
    if (found != EFIQA_OK) return found;
    seen.grid = light->grid;
    return efiqa::guarded([&] {
        *evidence = efiqa::explain(seen, weights);
        return EFIQA_OK;
    });
}
