// The map laid over a frame, in one pass over the rows of its crop.
//
// The small picture is widened to the columns of the frame once for each of its rows; every row of the frame then
// mixes two of these, in loops over contiguous values. What the map leaves untouched beside them is not read.
#include <algorithm>
#include <vector>

#include "check.h"
#include "guard.h"
#include "tints.h"
#include "vectors.h"

namespace efiqa {
namespace {

// A row of the small picture over the columns of the frame, three values a pixel, in 128ths, of which it has 64 more.
struct Wide {
    int32_t row = -1;
    int64_t first = 0, last = 0;  // columns beyond which it leaves a frame as it is
    std::vector<int16_t> added, kept;
};

struct Job {
    const Tints *tints;
    efiqa_crop crop;
    int64_t left, right, top, bottom;  // of the crop, inside of the frame
    std::vector<int32_t> columns;      // where each column lies on the small picture
    uint8_t *bgr;
    int64_t stride;
};

constexpr int16_t kHalf = 64, kWholeKept = 255 * 128 + kHalf;

void widen(const Job &job, int32_t row, Wide &wide) {
    if (wide.row == row) return;
    wide.row = row;
    const uint8_t *added = job.tints->added.data() + 3 * kPoints * row;
    const uint8_t *kept = job.tints->kept.data() + 3 * kPoints * row;
    uint32_t points[3 * kPoints];  // both at once: neither outgrows 16 bits
    for (int32_t i = 0; i < 3 * kPoints; ++i) points[i] = added[i] | uint32_t{kept[i]} << 16;
    constexpr uint32_t clear = 255u << 16;
    int32_t begin = 0, end = kPoints;  // points between which it is not clear
    const auto is_clear = [&](int32_t i) {
        return std::all_of(points + 3 * i, points + 3 * i + 3, [](uint32_t value) { return value == clear; });
    };
    while (begin < end && is_clear(begin)) ++begin;
    while (end > begin && is_clear(end - 1)) --end;
    const auto column_from = [&](int32_t place) {
        return std::lower_bound(job.columns.begin(), job.columns.end(), place) - job.columns.begin();
    };
    wide.first = begin < end ? column_from(128 * (begin - 1)) : 0;  // up to one point away it is mixed in
    wide.last = begin < end ? column_from(128 * end) : 0;
    int16_t *to_added = wide.added.data(), *to_kept = wide.kept.data();
    const int64_t before = 3 * wide.first, behind = 3 * wide.last, all = static_cast<int64_t>(wide.added.size());
    std::fill(to_added, to_added + before, kHalf), std::fill(to_added + behind, to_added + all, kHalf);
    std::fill(to_kept, to_kept + before, kWholeKept), std::fill(to_kept + behind, to_kept + all, kWholeKept);
    to_added += 3 * wide.first, to_kept += 3 * wide.first;
    for (int64_t x = wide.first; x < wide.last; ++x) {
        const int32_t place = job.columns[static_cast<size_t>(x)];
        const auto share = static_cast<uint32_t>(place & 127);
        const uint32_t *const one = points + 3 * (place >> 7);
        const uint32_t *const other = place >> 7 == kPoints - 1 ? one : one + 3;
        for (int c = 0; c < 3; ++c) {
            const uint32_t value = between(one[c], other[c], share) + (uint32_t{kHalf} | uint32_t{kHalf} << 16);
            *to_added++ = static_cast<int16_t>(value & 0xffffu), *to_kept++ = static_cast<int16_t>(value >> 16);
        }
    }
}

// Values begin to end of a row.
[[gnu::always_inline]] inline void blend_row(const Wide &one, const Wide &other, int16_t share,
                                             uint8_t *__restrict pixels, int64_t begin, int64_t end) {
    const int16_t *__restrict kept = one.kept.data(), *__restrict kept_below = other.kept.data();
    const int16_t *__restrict added = one.added.data(), *__restrict added_below = other.added.data();
    for (int64_t i = begin; i < end; ++i)
        pixels[i] = blended(pixels[i], between_rows(kept[i], kept_below[i], share),
                            between_rows(added[i], added_below[i], share));
}

[[gnu::always_inline]] inline void run_any(Job &job) {
    const int64_t n = 3 * (job.right - job.left);
    Wide one, other;
    for (Wide *each : {&one, &other}) {
        each->added.resize(static_cast<size_t>(n)), each->kept.resize(static_cast<size_t>(n));
    }
    for (int64_t y = job.top; y < job.bottom; ++y) {
        const int32_t place = place_of(y - job.crop.y, job.crop.side);
        const int32_t row = place >> 7, below = std::min(row + 1, kPoints - 1);
        if (other.row == row) std::swap(one, other);
        widen(job, row, one);
        widen(job, below, other);
        const bool alone = other.last == 0, none = one.last == 0;
        const int64_t first = alone ? one.first : none ? other.first : std::min(one.first, other.first);
        blend_row(one, other, static_cast<int16_t>((place & 127) * 256), job.bgr + y * job.stride + 3 * job.left,
                  3 * first, 3 * std::max(one.last, other.last));
    }
}

EFIQA_WIDE(run, Job &)

}  // namespace
}  // namespace efiqa

efiqa_status efiqa_blend(const float *map, uint64_t map_size, const uint8_t *field, uint64_t field_size, int32_t grid,
                         const efiqa_crop *crop, uint8_t *bgr, uint64_t size, int32_t width, int32_t height,
                         int64_t stride) noexcept {
    using namespace efiqa;
    efiqa_status found = check_maps(map, map_size, 1, grid, field, field_size);
    if (found == EFIQA_OK) {
        const efiqa_frame frame{EFIQA_BGR,      EFIQA_BT601, EFIQA_LIMITED, width, height,
                                {bgr, nullptr}, {stride, 0}, {size, 0}};
        found = check_frame(&frame);
    }
    if (found == EFIQA_OK) found = check_crop(crop, width, height);
    if (found != EFIQA_OK) return found;
    return guarded([&] {
        const Tints tints = make_tints(map, field, grid);
        Job job{&tints,
                *crop,
                std::clamp<int64_t>(crop->x, 0, width),
                std::clamp<int64_t>(crop->x + crop->side, 0, width),
                std::clamp<int64_t>(crop->y, 0, height),
                std::clamp<int64_t>(crop->y + crop->side, 0, height),
                {},
                bgr,
                stride};
        for (int64_t x = job.left; x < job.right; ++x) job.columns.push_back(place_of(x - crop->x, crop->side));
        run(job);
        return EFIQA_OK;
    });
}
