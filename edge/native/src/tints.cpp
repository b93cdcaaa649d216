#include "tints.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "filter.h"

namespace efiqa {
namespace {

using Grid = std::vector<float>;

constexpr int64_t kMargin = 4;   // cells of nothing around the field while its shape is smoothed
constexpr double kClear = 0.25;  // a map value up to which the frame shows through untouched
// From blue to a light cyan, B, G, R; see edge/overlay/degradation.py.
constexpr double kLow[3] = {255, 110, 0}, kHigh[3] = {255, 225, 60}, kOpacity[3] = {0.62, 0.55, 0.9};

std::array<Tint, kLevels + 1> make_colours() {
    std::array<Tint, kLevels + 1> colours{};
    for (int level = 0; level <= kLevels; ++level) {
        const double degradation = static_cast<double>(level) / kLevels;
        const double strength = std::clamp((degradation - kClear) / (1 - kClear), 0.0, 1.0);
        Tint &tint = colours[static_cast<size_t>(level)];
        for (int c = 0; c < 3; ++c) {
            tint.colour[c] = static_cast<float>((1 - strength) * kLow[c] + strength * kHigh[c]);
            tint.opacity[c] = static_cast<float>(std::pow(strength, 0.7) * kOpacity[c]);
        }
    }
    return colours;
}

// Where output point i lies among `cells`, and the weights of the four around it: cubic, a = -0.75, as OpenCV's.
struct Cubic {
    int64_t at[4];
    float weights[4];
};

// Points begin .. begin + kPoints of `whole` over `cells`.
std::vector<Cubic> make_cubics(int64_t cells, int64_t whole, int64_t begin) {
    constexpr double a = -0.75;
    std::vector<Cubic> cubics(static_cast<size_t>(kPoints));
    for (int64_t i = 0; i < kPoints; ++i) {
        const double place = (static_cast<double>(i + begin) + 0.5) * static_cast<double>(cells) /
                                 static_cast<double>(whole) - 0.5;
        const double before = std::floor(place), x = place - before;
        const double outer = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
        const double inner = ((a + 2) * x - (a + 3)) * x * x + 1;
        const double next = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1;
        const double weights[4] = {outer, inner, next, 1 - outer - inner - next};
        for (int64_t k = 0; k < 4; ++k) {
            Cubic &cubic = cubics[static_cast<size_t>(i)];
            cubic.at[k] = std::clamp<int64_t>(static_cast<int64_t>(before) - 1 + k, 0, cells - 1);
            cubic.weights[k] = static_cast<float>(weights[k]);
        }
    }
    return cubics;
}

// Values of a grid, smoothly on the points, in [0, 1]: rows first.
Grid enlarged(const Grid &grid, int64_t cells, const std::vector<Cubic> &cubics) {
    constexpr int64_t n = kPoints;
    Grid lines(static_cast<size_t>(cells * n)), out(static_cast<size_t>(n * n));
    for (int64_t y = 0; y < cells; ++y)
        for (int64_t x = 0; x < n; ++x) {
            const Cubic &cubic = cubics[static_cast<size_t>(x)];
            float sum = 0;
            for (int k = 0; k < 4; ++k)
                sum = add(sum, cubic.weights[k], grid[static_cast<size_t>(y * cells + cubic.at[k])]);
            lines[static_cast<size_t>(y * n + x)] = sum;
        }
    for (int64_t y = 0; y < n; ++y) {
        const Cubic &cubic = cubics[static_cast<size_t>(y)];
        for (int64_t x = 0; x < n; ++x) {
            float sum = 0;
            for (int k = 0; k < 4; ++k)
                sum = add(sum, cubic.weights[k], lines[static_cast<size_t>(cubic.at[k] * n + x)]);
            out[static_cast<size_t>(y * n + x)] = clip(sum, 0.0f, 1.0f);
        }
    }
    return out;
}

// The map with the values of the field carried on beyond its rim, so that enlarging mixes nothing foreign in.
Grid filled(const float *map, const uint8_t *field, int64_t grid) {
    const auto cells = static_cast<size_t>(grid * grid);
    const Grid weights = gaussian(1.5, 6);
    Grid inside(cells), values(cells);
    for (size_t i = 0; i < cells; ++i) inside[i] = field[i] != 0 ? 1.0f : 0.0f, values[i] = map[i] * inside[i];
    const Grid known = filtered(inside, grid, grid, weights), spread = filtered(values, grid, grid, weights);
    for (size_t i = 0; i < cells; ++i) values[i] = field[i] != 0 ? map[i] : spread[i] / std::max(known[i], 1e-6f);
    return values;
}

// The field without the steps of its grid: 0 outside to 1 inside, 0.5 at the rim.
Grid field_share(const uint8_t *field, int64_t grid) {
    const int64_t padded = grid + 2 * kMargin;
    Grid inside(static_cast<size_t>(padded * padded));
    for (int64_t y = 0; y < grid; ++y)
        for (int64_t x = 0; x < grid; ++x)
            inside[static_cast<size_t>((y + kMargin) * padded + x + kMargin)] = field[y * grid + x] != 0 ? 1.0f : 0.0f;
    const auto whole = static_cast<int64_t>(std::nearbyint(static_cast<double>(kPoints * padded) /
                                                           static_cast<double>(grid)));
    const std::vector<Cubic> cubics = make_cubics(padded, whole, (whole - kPoints) / 2);
    return enlarged(filtered(inside, padded, padded, gaussian(1.2, 5)), padded, cubics);
}

}  // namespace

Tints make_tints(const float *map, const uint8_t *field, int32_t grid) {
    static const std::array<Tint, kLevels + 1> colours = make_colours();
    const Grid degradation = enlarged(filled(map, field, grid), grid, make_cubics(grid, kPoints, 0));
    const Grid share = field_share(field, grid);
    Tints tints;
    tints.added.resize(3 * degradation.size()), tints.kept.resize(3 * degradation.size());
    for (size_t i = 0; i < degradation.size(); ++i) {
        const Tint &tint = colours[static_cast<size_t>(level_of(degradation[i]))];
        const float let_in = veil(share[i]);
        for (int c = 0; c < 3; ++c) {
            tints.added[3 * i + static_cast<size_t>(c)] = added_of(tint, c, let_in);
            tints.kept[3 * i + static_cast<size_t>(c)] = kept_of(tint, c, let_in);
        }
    }
    return tints;
}

}  // namespace efiqa
