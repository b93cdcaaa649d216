// The limits of what may be handed in: all of it is checked before anything is read or written.
#pragma once

#include <cstdint>

#include "efiqa_edge.h"

namespace efiqa {

constexpr int64_t kFarthest = int64_t{1} << 31;  // of a crop, in pixels; sums of two stay exact in a double
constexpr int32_t kLargestTensor = 8192, kLargestGrid = 1024, kLargestFrame = 1 << 20;

// Whether numbers of so many bytes may lie at an address; nothing may lie anywhere.
inline bool is_aligned(const void *data, uint64_t bytes) { return reinterpret_cast<uintptr_t>(data) % bytes == 0; }

efiqa_status check_frame(const efiqa_frame *frame);
efiqa_status check_crop(const efiqa_crop *crop, int32_t width, int32_t height);
efiqa_status check_tensor(const efiqa_tensor *tensor);
efiqa_status check_light(const efiqa_light *light, int32_t side);

// A grid of `count` maps of floats, and the field on it.
efiqa_status check_maps(const float *maps, uint64_t size, int32_t count, int32_t grid, const uint8_t *field,
                        uint64_t field_size);

// `count` numbers, each at least `low` and at most `high`.
bool lie_within(const float *values, uint64_t count, float low, float high);

// Light that was measured, for reading: the colours alone, or all arrays but the picture.
efiqa_status check_colours(const efiqa_light *light);
efiqa_status check_measured(const efiqa_light *light);

// Rows of `row` bytes each, the last one without what pads it.
efiqa_status check_rows(const uint8_t *data, uint64_t size, int64_t stride, int64_t row, int64_t rows);

}  // namespace efiqa
