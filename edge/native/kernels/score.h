// What each cell of the map counts; see edge/score.py.
#pragma once

#include "base.h"

namespace efiqa {

struct Pooling {
    double rest, disc, macula;  // the last two beyond the rest
    double least;               // below it a weight is the rounding of one that cancels out
};

EFIQA_FN double weight_of(const Pooling &pooling, float disc, float macula, bool inside) {
    const double weight = pooling.rest + pooling.disc * static_cast<double>(disc) +
                          pooling.macula * static_cast<double>(macula);
    return inside && weight > pooling.least ? weight : 0.0;
}

// How much a cell takes from the score: its weight among all, as a float, times the map.
EFIQA_FN double lost_of(double weight, double total, float degradation) {
    const float share = static_cast<float>(weight / total);
    return static_cast<double>(share * degradation);
}

}  // namespace efiqa
