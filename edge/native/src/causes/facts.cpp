#include "causes/facts.h"

#include <algorithm>
#include <cmath>

#include "filter.h"
#include "nonlinear.h"
#include "vectors.h"

namespace efiqa {
namespace {

using Grid = std::vector<float>;

struct Job {
    const Seen &seen;
    Facts &facts;
    const Grid &wide, &wide_inside, &middle, &middle_inside;  // green of the field and the field, smoothed
};

[[gnu::always_inline]] inline float around(float value, float inside) { return value / std::max(inside, 0.05f); }

[[gnu::always_inline]] inline float apart(float value, float wide) { return std::fabs(value - wide) / wide; }

// half of the logarithm, as the network has it of contrasts
[[gnu::always_inline]] inline float steps(float contrast, float offset) {
    return log_of(contrast + 0.003f) / 2.0f + offset;
}

[[gnu::always_inline]] inline void colours(const efiqa_light &light, const float *__restrict inside, size_t cells,
                                           float *__restrict out) {
    for (size_t i = 0; i < cells; ++i) {
        const float red = light.red[i], green = light.green[i], blue = light.blue[i];
        out[i] = red / 255.0f * inside[i];
        out[cells + i] = green / 255.0f * inside[i];
        out[2 * cells + i] = blue / 255.0f * inside[i];
        out[3 * cells + i] = log_of((red + 6.0f) / (green + 6.0f)) * inside[i];
        out[4 * cells + i] = log_of((green + 6.0f) / (blue + 6.0f)) * inside[i];
        out[5 * cells + i] = light.clipped[i] * inside[i];
    }
}

[[gnu::always_inline]] inline void masked(const float *values, const float *__restrict inside, size_t cells,
                                          float *__restrict out) {
    if (values != nullptr)
        for (size_t i = 0; i < cells; ++i) out[i] = values[i] * inside[i];
}

// How far each cell is from the middle of the crop, up or down and in all, in field radii.
[[gnu::always_inline]] inline void from_middle(const float *__restrict inside, int64_t grid, float *__restrict down,
                                               float *__restrict away) {
    const float step = static_cast<float>(2.0 / static_cast<double>(grid));
    for (int64_t row = 0; row < grid; ++row) {
        const float y = (static_cast<float>(row) + 0.5f) * step - 1.0f;
        for (int64_t column = 0; column < grid; ++column) {
            const float x = (static_cast<float>(column) + 0.5f) * step - 1.0f;
            const int64_t i = row * grid + column;
            down[i] = std::fabs(y) * inside[i];
            away[i] = std::sqrt(x * x + y * y) * inside[i];
        }
    }
}

[[gnu::always_inline]] inline void fill_any(Job &job) {
    const Seen &seen = job.seen;
    const auto cells = static_cast<size_t>(seen.grid * seen.grid);
    float *out = job.facts.channels.data();
    float *__restrict inside = out + kInside * cells;
    for (size_t i = 0; i < cells; ++i) inside[i] = seen.field[i] != 0 ? 1.0f : 0.0f;
    colours(*seen.light, inside, cells, out);
    float *__restrict detail = out + 6 * cells, *__restrict grain = out + 7 * cells, *__restrict far = out + 8 * cells;
    for (size_t i = 0; i < cells; ++i) {
        const float wide = std::max(around(job.wide[i], job.wide_inside[i]), 4.0f);
        job.facts.coarse[i] = apart(around(job.middle[i], job.middle_inside[i]), wide);
        detail[i] = steps(seen.light->detail[i], 2.0f) * inside[i];
        grain[i] = steps(seen.light->grain[i], 2.0f) * inside[i];
        far[i] = steps(apart(seen.light->green[i], wide), 1.5f) * inside[i];
    }
    masked(seen.map, inside, cells, out + 9 * cells);
    masked(seen.disc, inside, cells, out + 10 * cells);
    masked(seen.macula, inside, cells, out + 11 * cells);
    from_middle(inside, seen.grid, out + 13 * cells, out + 14 * cells);
}

EFIQA_WIDE(fill, Job &)

}  // namespace

Facts facts_of(const Seen &seen) {
    static const Grid wide = gaussian(3.0, 12), middle = gaussian(0.7, 3);
    const int64_t grid = seen.grid;
    const auto cells = static_cast<size_t>(grid * grid);
    Grid inside(cells), green(cells);
    for (size_t i = 0; i < cells; ++i) inside[i] = seen.field[i] != 0, green[i] = inside[i] * seen.light->green[i];
    Facts facts{Grid(static_cast<size_t>(kFacts) * cells), Grid(cells)};
    const auto smoothed = [&](const Grid &values, const Grid &weights) { return filtered(values, grid, grid, weights); };
    const Grid far = smoothed(green, wide), far_inside = smoothed(inside, wide);
    const Grid near = smoothed(green, middle), near_inside = smoothed(inside, middle);
    Job job{seen, facts, far, far_inside, near, near_inside};
    fill(job);
    return facts;
}

}  // namespace efiqa
