#include "check.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>

#include "efiqa_edge.h"

namespace efiqa {
namespace {

bool lies_within(double value, double low, double high) { return value >= low && value <= high; }  // false for NaN

bool are_aligned(const efiqa_light &light) {
    const float *arrays[] = {light.blue, light.green, light.red, light.clipped, light.detail, light.grain, light.picture};
    return std::all_of(std::begin(arrays), std::end(arrays), [](const float *each) { return is_aligned(each, sizeof *each); });
}

bool is_far(int64_t value) { return value < -kFarthest || value > kFarthest; }

// Bytes of a row of a plane; 0 where the format has no such plane.
int64_t row_of(int32_t format, int plane, int64_t width) {
    const int64_t pairs = (width + 1) / 2;
    switch (format) {
        case EFIQA_BGR:
        case EFIQA_RGB: return plane == 0 ? 3 * width : 0;
        case EFIQA_GREY: return plane == 0 ? width : 0;
        case EFIQA_YUYV: return plane == 0 ? 4 * pairs : 0;
        default: return plane == 0 ? width : 2 * pairs;
    }
}

}  // namespace

efiqa_status check_rows(const uint8_t *data, uint64_t size, int64_t stride, int64_t row, int64_t rows) {
    if (data == nullptr) return EFIQA_NULL_POINTER;
    if (stride < row || stride > INT64_MAX / (int64_t{kLargestFrame} + 1)) return EFIQA_BAD_STRIDE;
    return static_cast<uint64_t>((rows - 1) * stride + row) > size ? EFIQA_SHORT_BUFFER : EFIQA_OK;
}

efiqa_status check_frame(const efiqa_frame *frame) {
    if (frame == nullptr) return EFIQA_NULL_POINTER;
    if (frame->format < EFIQA_BGR || frame->format > EFIQA_NV12) return EFIQA_BAD_FORMAT;
    if (frame->matrix < EFIQA_BT601 || frame->matrix > EFIQA_BT709) return EFIQA_BAD_FORMAT;
    if (frame->range < EFIQA_LIMITED || frame->range > EFIQA_FULL) return EFIQA_BAD_FORMAT;
    if (frame->width < 1 || frame->height < 1) return EFIQA_BAD_SIZE;
    if (frame->width > kLargestFrame || frame->height > kLargestFrame) return EFIQA_BAD_SIZE;
    for (int plane = 0; plane < 2; ++plane) {
        const int64_t row = row_of(frame->format, plane, frame->width);
        const int64_t rows = plane == 0 ? frame->height : (int64_t{frame->height} + 1) / 2;
        if (row == 0) continue;
        const efiqa_status found = check_rows(frame->plane[plane], frame->size[plane], frame->stride[plane], row, rows);
        if (found != EFIQA_OK) return found;
    }
    return EFIQA_OK;
}

efiqa_status check_crop(const efiqa_crop *crop, int32_t width, int32_t height) {
    if (crop == nullptr) return EFIQA_NULL_POINTER;
    if (crop->side < 1 || is_far(crop->side) || is_far(crop->x) || is_far(crop->y)) return EFIQA_BAD_CROP;
    const bool meets = crop->x < width && crop->y < height && crop->x + crop->side > 0 && crop->y + crop->side > 0;
    return meets ? EFIQA_OK : EFIQA_BAD_CROP;
}

efiqa_status check_tensor(const efiqa_tensor *tensor) {
    if (tensor == nullptr || tensor->data == nullptr) return EFIQA_NULL_POINTER;
    if (tensor->type < EFIQA_FLOAT32 || tensor->type > EFIQA_INT8) return EFIQA_BAD_FORMAT;
    if (tensor->side < 1 || tensor->side > kLargestTensor) return EFIQA_BAD_SIZE;
    const uint64_t bytes = tensor->type == EFIQA_FLOAT32 ? 4 : tensor->type == EFIQA_FLOAT16 ? 2 : 1;
    const auto side = static_cast<uint64_t>(tensor->side);
    if (!is_aligned(tensor->data, bytes)) return EFIQA_UNALIGNED;
    if (tensor->size < 3 * side * side * bytes) return EFIQA_SHORT_BUFFER;
    for (int channel = 0; channel < 3; ++channel) {
        if (!lies_within(tensor->mean[channel], -1e6, 1e6)) return EFIQA_BAD_NUMBER;
        if (!lies_within(tensor->std[channel], 1e-9, 1e9)) return EFIQA_BAD_NUMBER;
    }
    if (tensor->type != EFIQA_INT8) return EFIQA_OK;
    const bool scaled = lies_within(tensor->scale, 1e-12, 1e12) && lies_within(tensor->zero_point, -128, 127);
    return scaled ? EFIQA_OK : EFIQA_BAD_NUMBER;
}

efiqa_status check_light(const efiqa_light *light, int32_t side) {
    if (light == nullptr) return EFIQA_OK;
    if (light->grid < 1 || light->grid > side / 4) return EFIQA_BAD_SIZE;
    const auto grid = static_cast<uint64_t>(light->grid), whole = static_cast<uint64_t>(side);
    if (!are_aligned(*light)) return EFIQA_UNALIGNED;
    const bool wanted = light->blue || light->green || light->red || light->clipped || light->detail || light->grain;
    if (wanted && light->size < grid * grid) return EFIQA_SHORT_BUFFER;
    return light->picture && light->picture_size < whole * whole ? EFIQA_SHORT_BUFFER : EFIQA_OK;
}

efiqa_status check_maps(const float *maps, uint64_t size, int32_t count, int32_t grid, const uint8_t *field,
                        uint64_t field_size) {
    if (maps == nullptr || field == nullptr) return EFIQA_NULL_POINTER;
    if (!is_aligned(maps, sizeof *maps)) return EFIQA_UNALIGNED;
    if ((count != 1 && count != 3) || grid < 1 || grid > kLargestGrid) return EFIQA_BAD_SIZE;
    const auto cells = static_cast<uint64_t>(grid) * static_cast<uint64_t>(grid);
    if (size < cells * static_cast<uint64_t>(count) || field_size < cells) return EFIQA_SHORT_BUFFER;
    return lie_within(maps, cells * static_cast<uint64_t>(count), 0, 1) ? EFIQA_OK : EFIQA_BAD_NUMBER;
}

bool lie_within(const float *values, uint64_t count, float low, float high) {
    uint32_t beyond = 0;  // without a branch, so that vectors look at many
    for (uint64_t i = 0; i < count; ++i) beyond |= static_cast<uint32_t>(!((values[i] >= low) & (values[i] <= high)));
    return beyond == 0;
}

efiqa_status check_colours(const efiqa_light *light) {
    if (light == nullptr || !light->blue || !light->green || !light->red) return EFIQA_NULL_POINTER;
    if (light->grid < 1 || light->grid > kLargestGrid) return EFIQA_BAD_SIZE;
    const uint64_t cells = static_cast<uint64_t>(light->grid) * static_cast<uint64_t>(light->grid);
    if (light->size < cells) return EFIQA_SHORT_BUFFER;
    if (!are_aligned(*light)) return EFIQA_UNALIGNED;
    for (const float *values : {light->blue, light->green, light->red})
        if (!lie_within(values, cells, -1, 256)) return EFIQA_BAD_NUMBER;  // roundings of 0 and 255 too
    return EFIQA_OK;
}

efiqa_status check_measured(const efiqa_light *light) {
    const efiqa_status found = check_colours(light);
    if (found != EFIQA_OK) return found;
    for (const float *values : {light->clipped, light->detail, light->grain}) {
        if (values == nullptr) return EFIQA_NULL_POINTER;
        const uint64_t cells = static_cast<uint64_t>(light->grid) * static_cast<uint64_t>(light->grid);
        if (!lie_within(values, cells, 0, 256)) return EFIQA_BAD_NUMBER;
    }
    return EFIQA_OK;
}

}  // namespace efiqa
