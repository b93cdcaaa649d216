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

// Half of the logarithms, as the network has them of contrasts.
[[gnu::always_inline]] inline void stepped(const float *contrasts, float offset,
                                           const float *__restrict inside, size_t cells, float *out) {
    for (size_t i = 0; i < cells; ++i) out[i] = (log_of(contrasts[i] + 0.003f) / 2.0f + offset) * inside[i];
}

// How far green is from what is around it: of each cell, and of it and its next neighbours.
[[gnu::always_inline]] inline void coarsely(Job &job, const float *__restrict inside, size_t cells,
                                            float *__restrict out) {
    float *__restrict coarse = job.facts.coarse.data();
    const float *__restrict wide = job.wide.data(), *__restrict wide_inside = job.wide_inside.data();
    const float *__restrict middle = job.middle.data(), *__restrict middle_inside = job.middle_inside.data();
    const float *__restrict green = job.seen.light->green;
    for (size_t i = 0; i < cells; ++i) {
        const float beyond = std::max(around(wide[i], wide_inside[i]), 4.0f);
        coarse[i] = apart(around(middle[i], middle_inside[i]), beyond);
        out[i] = apart(green[i], beyond);
    }
    stepped(out, 1.5f, inside, cells, out);
}

[[gnu::always_inline]] inline void colours(const efiqa_light &light, const float *__restrict inside, size_t cells,
                                           float *__restrict out) {
    const float *channels[] = {light.red, light.green, light.blue};
    for (size_t c = 0; c < 3; ++c) {
        const float *__restrict one = channels[c], *__restrict other = channels[c < 2 ? c + 1 : c];
        float *__restrict share = out + c * cells, *__restrict ratio = out + (3 + c) * cells;
        for (size_t i = 0; i < cells; ++i) share[i] = one[i] / 255.0f * inside[i];
        if (c == 2) break;
        for (size_t i = 0; i < cells; ++i) ratio[i] = log_of((one[i] + 6.0f) / (other[i] + 6.0f)) * inside[i];
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
    masked(seen.light->clipped, inside, cells, out + 5 * cells);
    stepped(seen.light->detail, 2.0f, inside, cells, out + 6 * cells);
    stepped(seen.light->grain, 2.0f, inside, cells, out + 7 * cells);
    coarsely(job, inside, cells, out + 8 * cells);
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
