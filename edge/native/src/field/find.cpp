// Where the retina is in a frame: the field of view of the camera. See edge/field/find.py, which this repeats.
#include <algorithm>
#include <cmath>

#include "check.h"
#include "guard.h"
#include "outline.h"
#include "reduce.h"
#include "shade.h"
#include "squeeze.h"
#include "vectors.h"

namespace efiqa {
namespace {

constexpr int kDarkest = 7;  // a frame whose bright end is below this shows nothing
constexpr int kDim = 14;     // one whose bright end is below this shows a field only if its rim is as sharp as that
constexpr double kSeen = 2.5;
constexpr int kFlattest = 6;  // a frame whose channels all vary less than this is one colour
constexpr int64_t kMask = EFIQA_FIELD_MASK;

// The part of an ellipse that lies in a box, in frame pixels.
struct Shape {
    Circle middle;  // its radius is the half axis across
    double high;    // and down
    Box box;
};

struct Drawing {
    efiqa_crop crop;
    const Shape *shape;
    uint8_t *mask;
};

[[gnu::always_inline]] inline void draw_any(const Drawing &job) {
    const auto [x, y, wide] = job.shape->middle;
    const Box &box = job.shape->box;
    const double cell = static_cast<double>(job.crop.side) / static_cast<double>(kMask);
    const auto place = [&](int64_t at, int64_t from) {
        return ((static_cast<double>(at) + 0.5) * cell - 0.5) + static_cast<double>(from);
    };
    float away[kMask];
    for (int64_t i = 0; i < kMask; ++i) {
        const double column = place(i, job.crop.x);
        away[i] = static_cast<float>(column < box[0] || column > box[2] ? kInfinite : std::abs(column - x));
    }
    // Half the width of the ellipse at each row against the distance of each column: one comparison per cell.
    for (int64_t i = 0; i < kMask; ++i) {
        const double row = place(i, job.crop.y), down = (row - y) / job.shape->high;
        const bool outside = std::abs(row - y) > job.shape->high || row < box[1] || row > box[3];
        const auto reach = static_cast<float>(outside ? -1.0 : wide * std::sqrt(std::max(1 - down * down, 0.0)));
        uint8_t *__restrict mask = job.mask + i * kMask;
        for (int64_t k = 0; k < kMask; ++k) mask[k] = is_within(away[k], reach);
    }
}
EFIQA_WIDE(draw, const Drawing &)

void put(const Shape &shape, efiqa_field &field, uint8_t *mask) {
    const auto [x, y, wide] = shape.middle;
    const double left = std::max(shape.box[0], x - wide), top = std::max(shape.box[1], y - shape.high);
    const double right = std::min(shape.box[2], x + wide), bottom = std::min(shape.box[3], y + shape.high);
    const int64_t side = std::max<int64_t>(8, std::llrint(std::max(right - left, bottom - top) + 1));
    const auto length = static_cast<double>(side);
    field.found = 1;
    field.crop = {std::llrint((left + right + 1 - length) / 2), std::llrint((top + bottom + 1 - length) / 2), side};
    draw({field.crop, &shape, mask});
}

// How many whole times a length goes into another.
double whole_times(double length, double into) { return std::round((into - std::fmod(into, length)) / length); }

// An outline in frame pixels. `across`, `down`: frame pixels for each of its own; they differ where a squeeze was undone.
Shape in_frame_pixels(const Outline &outline, double across, double down, const efiqa_frame &frame) {
    const auto width = static_cast<double>(frame.width), height = static_cast<double>(frame.height);
    const Circle &circle = outline.circle;
    Shape shape{{(circle.x + 0.5) * across - 0.5, (circle.y + 0.5) * down - 0.5, circle.radius * across},
                circle.radius * down,
                outline.box};
    // A cut lies within half a reduced pixel of the outline; one at the border of the reduced frame is the frame's own.
    Box &box = shape.box;
    box[0] = box[0] <= 1.5 ? 0 : box[0] * across, box[1] = box[1] <= 1.5 ? 0 : box[1] * down;
    box[2] = box[2] >= whole_times(across, width) - 2.5 ? width - 1 : (box[2] + 1) * across - 1;
    box[3] = box[3] >= whole_times(down, height) - 2.5 ? height - 1 : (box[3] + 1) * down - 1;
    return shape;
}

bool is_too_small(const efiqa_frame &frame, int64_t factor) {
    return std::min(frame.width, frame.height) < std::max<int64_t>(16, 8 * factor);
}

bool is_blank(const Reduced &reduced) { return reduced.brightest < kDarkest || reduced.spread < kFlattest; }

void find(const efiqa_frame &frame, efiqa_field &field, uint8_t *mask) {
    field = {1, 0, 0, {0, 0, 0}};
    std::fill(mask, mask + kMask * kMask, uint8_t{0});
    const int64_t factor = factor_of(std::max(frame.width, frame.height));
    if (is_too_small(frame, factor)) return;
    const Reduced reduced = reduce(frame, factor);
    if (is_blank(reduced)) return;
    field.blank = 0;
    const View light = reduced.light.view();
    const std::optional<Outline> outline = best_outline(light);
    if (!outline || (reduced.brightest < kDim && (outline->whole || outline->quality < kSeen))) return;
    const auto scale = static_cast<double>(factor);
    if (const double squeeze = squeeze_of(*outline, light); squeeze != 1) {
        const int64_t wide = std::max<int64_t>(16, std::llrint(static_cast<double>(light.width) * squeeze));
        const Picture undone = resized(light, light.height, wide);
        const double across = scale * static_cast<double>(light.width) / static_cast<double>(wide);
        if (const auto round = best_outline(undone.view()))
            return put(in_frame_pixels(*round, across, scale, frame), field, mask);
    }
    put(in_frame_pixels(*outline, scale, scale, frame), field, mask);
    field.aside = may_be_spot(*outline, light);
}

efiqa_status check_field(const efiqa_field *field, const uint8_t *mask, uint64_t mask_size) {
    if (field == nullptr || mask == nullptr) return EFIQA_NULL_POINTER;
    return mask_size < static_cast<uint64_t>(kMask * kMask) ? EFIQA_SHORT_BUFFER : EFIQA_OK;
}

}  // namespace
}  // namespace efiqa

efiqa_status efiqa_find_field(const efiqa_frame *frame, efiqa_field *field, uint8_t *mask, uint64_t mask_size) noexcept {
    efiqa_status found = efiqa::check_frame(frame);
    if (found == EFIQA_OK) found = efiqa::check_field(field, mask, mask_size);
    if (found != EFIQA_OK) return found;
    return efiqa::guarded([&] {
        efiqa::find(*frame, *field, mask);
        return EFIQA_OK;
    });
}

efiqa_status efiqa_circle_field(double x, double y, double radius, int32_t width, int32_t height, efiqa_field *field,
                                uint8_t *mask, uint64_t mask_size) noexcept {
    const efiqa_status found = efiqa::check_field(field, mask, mask_size);
    if (found != EFIQA_OK) return found;
    if (width < 1 || height < 1 || std::max(width, height) > efiqa::kLargestFrame) return EFIQA_BAD_SIZE;
    const double far = efiqa::kLargestFrame;
    if (!(std::abs(x) <= far && std::abs(y) <= far && radius > 0 && radius <= 2 * far)) return EFIQA_BAD_NUMBER;
    const efiqa::Box box{0, 0, static_cast<double>(width - 1), static_cast<double>(height - 1)};
    *field = {0, 0, 0, {0, 0, 0}};
    efiqa::put({{x, y, radius}, radius, box}, *field, mask);
    return EFIQA_OK;
}
