// Where an output pixel lies on the frame along one axis, and how much each of the frame's pixels counts in it.
#pragma once

#include "base.h"

namespace efiqa {

// `side` crop pixels from `origin` on as `size` output pixels, of a frame that has `extent`.
struct Axis {
    int64_t origin, side, size, extent;
};

// Pixels of the frame from `first` on, before `last`; none beyond it, where all is black.
struct Reach {
    int64_t first, last;
};

EFIQA_FN int64_t least(int64_t one, int64_t other) { return one < other ? one : other; }
EFIQA_FN int64_t most(int64_t one, int64_t other) { return one > other ? one : other; }
EFIQA_FN double least(double one, double other) { return one < other ? one : other; }
EFIQA_FN double most(double one, double other) { return one > other ? one : other; }

EFIQA_FN bool shrinks(const Axis &axis) { return axis.side >= axis.size; }
EFIQA_FN double scale_of(const Axis &axis) { return static_cast<double>(axis.side) / static_cast<double>(axis.size); }

// The part of the frame that the crop sees.
EFIQA_FN Reach seen_of(const Axis &axis) {
    const int64_t low = most(0, least(axis.origin, axis.extent));
    return {low, most(low, least(axis.origin + axis.side, axis.extent))};
}

// Where the middle of an output pixel lies between the middles of crop pixels; beyond the outermost their value stays.
EFIQA_FN double middle_of(const Axis &axis, int64_t i) {
    const double at = (static_cast<double>(i) + 0.5) * scale_of(axis) - 0.5;
    return most(0.0, least(at, static_cast<double>(axis.side - 1)));
}

// The pixels that count in output pixel i: those that it covers, or the two that it lies between.
EFIQA_FN Reach reach_of(const Axis &axis, int64_t i) {
    int64_t from, to;  // crop pixels
    if (shrinks(axis)) {
        const double begin = static_cast<double>(i) * scale_of(axis), end = begin + scale_of(axis);
        from = static_cast<int64_t>(begin), to = static_cast<int64_t>(end);
        to += static_cast<double>(to) < end;  // rounded up
    } else {
        from = static_cast<int64_t>(middle_of(axis, i)), to = least(from + 2, axis.side);
    }
    const Reach seen = seen_of(axis);
    const int64_t first = most(from + axis.origin, seen.first), last = least(to + axis.origin, seen.last);
    return first < last ? Reach{first, last} : Reach{seen.first, seen.first};
}

// The share of pixel p of the frame in output pixel i; of an output pixel all shares are 1 in sum, or less at its rim.
EFIQA_FN float share_of(const Axis &axis, int64_t i, int64_t p) {
    const double x = static_cast<double>(p - axis.origin);
    if (shrinks(axis)) {
        const double scale = scale_of(axis), begin = static_cast<double>(i) * scale, end = begin + scale;
        return static_cast<float>(most(0.0, least(end, x + 1) - most(begin, x)) / scale);
    }
    const double at = middle_of(axis, i), share = at - static_cast<double>(static_cast<int64_t>(at));
    return static_cast<float>(p - axis.origin == static_cast<int64_t>(at) ? 1 - share : share);
}

}  // namespace efiqa
