/* What libFuzzer makes of bytes: frames, crops, tensors, maps and circles, right and wrong, in buffers of exactly the size
 * that is stated. The sanitizers stop it where anything else is touched. Built by the preset "fuzz". */
#include <stdlib.h>
#include <string.h>

#include "efiqa_edge.h"

enum { MASK = EFIQA_FIELD_MASK * EFIQA_FIELD_MASK, MOST = 1 << 21 };

static const uint8_t *input;
static size_t left;

static void take(void *to, size_t size) { /* zeros where there is no more */
    const size_t some = size < left ? size : left;
    memset(to, 0, size);
    if (some > 0) memcpy(to, input, some);
    input += some, left -= some;
}

static uint8_t byte(void) {
    uint8_t value;
    take(&value, 1);
    return value;
}

static int is_odd_one(void) { return byte() >= 240; } /* one time in sixteen */

/* From low to high, one time in sixteen anything. Where there is no more input, in the middle: what follows is then
 * right. Were it wrong, short inputs would never come past the checks, and so the fuzzer neither. */
static int64_t number(int64_t low, int64_t high) {
    if (left == 0) return low + (high - low) / 2;
    if (is_odd_one()) {
        int64_t any;
        take(&any, sizeof any);
        return byte() & 1 ? any : (int32_t)any;
    }
    uint16_t value;
    take(&value, sizeof value);
    return low + value % (high - low + 1);
}

static double real(double low, double high) {
    double any;
    if (left == 0) return low + (high - low) / 2;
    if (is_odd_one()) return take(&any, sizeof any), any;
    uint16_t value;
    take(&value, sizeof value);
    return low + (high - low) * value / 65535.0;
}

/* That many bytes, or a few less or more, at most MOST; the size that is left is what may be stated. */
static uint8_t *buffer(int64_t wanted, uint64_t *size) {
    if (is_odd_one()) wanted += (int64_t)byte() - 128;
    *size = wanted < 0 ? 0 : wanted > MOST ? MOST : (uint64_t)wanted;
    return malloc(*size ? *size : 1);
}

/* Of no input at all everything is right. */
static void expect(int all_right, efiqa_status status) {
    if (all_right && status != EFIQA_OK) abort();
}

/* Discs of light on a border, one over the other: what has a field. */
static void draw(uint8_t *pixels, uint64_t size, int64_t row) {
    const uint8_t noise = byte() % 16;
    uint32_t state = 1;
    memset(pixels, byte() % 32, size);
    for (int disc = byte() % 4; disc >= 0 && row > 0; --disc) {
        const int64_t middle = byte() * row / 256, down = byte() * ((int64_t)size / row) / 256;
        const int64_t across = 1 + byte() * row / 256, high = 1 + byte() * ((int64_t)size / row) / 256;
        const uint8_t light = byte();
        for (uint64_t i = 0; i < size; ++i) {
            const double x = (double)((int64_t)i % row - middle) / (double)across;
            const double y = (double)((int64_t)i / row - down) / (double)high;
            if (x * x + y * y < 1) pixels[i] = light;
        }
    }
    for (uint64_t i = 0; i < size && noise > 0; ++i) {
        state = state * 1664525u + 1013904223u;
        pixels[i] = (uint8_t)(pixels[i] + (state >> 24) % noise);
    }
    take(pixels, left < size ? left / 4 : 0);
}

static void frames(void) {
    const int right = left == 0;
    efiqa_frame frame = {0};
    frame.format = (int32_t)number(0, 4), frame.matrix = (int32_t)number(0, 1), frame.range = (int32_t)number(0, 1);
    frame.width = (int32_t)number(1, 250), frame.height = (int32_t)number(1, 250);
    if (byte() >= 208) frame.width = (int32_t)(frame.width * (int64_t)(2 + byte() % 7)); /* long: it is reduced */
    const int64_t wide = frame.width < 0 || frame.width > 4096 ? 64 : frame.width, pairs = (wide + 1) / 2;
    const int64_t high = frame.height < 0 || frame.height > 4096 ? 64 : frame.height;
    const int64_t rows[] = {3 * wide, 3 * wide, wide, 4 * pairs, wide};
    for (int plane = 0; plane < 2; ++plane) {
        const int64_t row = plane ? 2 * pairs : rows[frame.format >= 0 && frame.format < 5 ? frame.format : 0];
        frame.stride[plane] = byte() < 200 ? row : number(row, row + 9);
        uint8_t *pixels = buffer(((plane ? (high + 1) / 2 : high) - 1) * row + row, &frame.size[plane]);
        draw(pixels, frame.size[plane], row);
        frame.plane[plane] = pixels;
    }
    efiqa_field field;
    uint64_t size;
    uint8_t *shown = buffer(3 * wide * high, &size);
    expect(right, efiqa_bgr(&frame, shown, size, byte() < 200 ? 3 * wide : number(1, 900)));
    free(shown);
    uint8_t *mask = buffer(MASK, &size);
    const efiqa_status looked = efiqa_find_field(&frame, &field, mask, size);
    const int found = looked == EFIQA_OK && field.found;
    expect(right, looked);
    if (found && field.crop.side < 1) abort();
    efiqa_tensor tensor = {0};
    tensor.type = (int32_t)number(0, 2), tensor.side = (int32_t)number(1, 96);
    const int64_t side = tensor.side < 0 || tensor.side > 400 ? 8 : tensor.side;
    tensor.data = buffer(3 * side * side * (tensor.type == 0 ? 4 : tensor.type == 1 ? 2 : 1), &tensor.size);
    for (int c = 0; c < 3; ++c) tensor.mean[c] = (float)real(0, 1), tensor.std[c] = (float)real(0.1, 1);
    tensor.scale = (float)real(0.001, 0.1), tensor.zero_point = (int32_t)number(-128, 127);
    efiqa_crop crop = {number(-50, 400), number(-50, 400), number(1, 500)};
    if (byte() < 200 && wide > 0 && high > 0) crop.x %= wide, crop.y %= high;
    efiqa_light light = {0};
    light.grid = (int32_t)number(1, side > 8 ? side / 4 : 1);
    const int64_t cells = light.grid < 0 || light.grid > 400 ? 8 : light.grid;
    float *array = (float *)buffer(4 * cells * cells, &light.size);
    light.size /= 4;
    float **arrays[] = {&light.blue, &light.green, &light.red, &light.clipped, &light.detail, &light.grain};
    for (int i = 0; i < 6; ++i) *arrays[i] = byte() < 200 ? array : NULL; /* one after the other into the same */
    light.picture = (float *)buffer(4 * side * side, &light.picture_size);
    light.picture_size /= 4;
    const efiqa_crop *where = found && byte() < 128 ? &field.crop : &crop;
    expect(right, efiqa_frame_step(&frame, where, &tensor, byte() < 128 ? &light : NULL));
    free((void *)frame.plane[0]), free((void *)frame.plane[1]), free(mask), free(tensor.data), free(array);
    free(light.picture);
}

static void maps(void) {
    const int right = left == 0;
    const int32_t grid = (int32_t)number(1, 40), count = byte() & 1 ? 3 : 1;
    const int64_t cells = grid < 0 || grid > 200 ? 64 : (int64_t)grid * grid;
    const int64_t width = (int32_t)number(1, 300), height = (int32_t)number(1, 300);
    const int64_t stride = byte() < 200 ? 3 * width : number(1, 900);
    uint64_t map_size, field_size, size;
    float *map = (float *)buffer(4 * count * cells, &map_size);
    map_size /= 4;
    for (uint64_t i = 0; i < map_size; ++i) map[i] = (float)(i % 97) / 96.0f;
    if (map_size > 0 && byte() >= 200) map[0] = (float)real(-1, 2);
    uint8_t *field = buffer(cells, &field_size);
    memset(field, byte() & 1, field_size);
    uint8_t *picture = buffer(width > 0 && width < 2000 && height > 0 && height < 400 ? 3 * width * height : 64, &size);
    memset(picture, byte(), size);
    const efiqa_pooling pooling = {real(0, 9), real(0, 9), real(0, 9)};
    double score = 0.5;
    const efiqa_status status = efiqa_score(map, map_size, count, grid, field, field_size, &pooling, &score);
    expect(right, status);
    if (status == EFIQA_OK && !(score >= 0 && score <= 1)) abort();
    const efiqa_crop crop = {number(-50, 300), number(-50, 300), number(1, 500)};
    expect(right, efiqa_blend(map, map_size, field, field_size, grid, &crop, picture, size, (int32_t)width,
                              (int32_t)height, stride));
    free(map), free(field), free(picture);
}

/* Floats from low to high, one time in eight with anything among them. */
static float *floats(int64_t wanted, double low, double high, uint64_t *size) {
    float *made = (float *)buffer(4 * wanted, size);
    *size /= 4;
    uint32_t state = 1 + byte();
    for (uint64_t i = 0; i < *size; ++i) {
        state = state * 1664525u + 1013904223u;
        made[i] = (float)(low + (high - low) * (double)(state >> 8) / 16777216.0);
    }
    if (*size > 0 && byte() >= 224) take(&made[*size / 2], sizeof *made);
    return made;
}

static void causes(void) {
    const int right = left == 0;
    const int32_t grid = (int32_t)number(1, 40);
    const int64_t cells = grid < 0 || grid > 200 ? 64 : (int64_t)grid * grid;
    efiqa_light light = {0};
    light.grid = grid, light.size = (uint64_t)MOST;
    float **arrays[] = {&light.blue, &light.green, &light.red, &light.clipped, &light.detail, &light.grain};
    for (int i = 0; i < 6; ++i) {
        uint64_t size;
        *arrays[i] = floats(cells, 0, i < 3 ? byte() : 1, &size);
        if (size < light.size) light.size = size;
    }
    uint64_t map_size, weights_size, field_size, lost_size;
    float *map = floats(cells, 0, 1, &map_size), *landmark = byte() & 1 ? map : NULL;
    float *weights = floats(EFIQA_CAUSE_WEIGHTS, -real(0, 2), real(0, 2), &weights_size);
    uint8_t *field = buffer(cells, &field_size), *lost = buffer(cells, &lost_size);
    memset(field, !(byte() & 1), field_size);
    take(field, left < field_size ? left / 4 : 0);
    float **gone = arrays[byte() % 6], *kept = *gone;
    if (is_odd_one()) *gone = NULL;
    efiqa_evidence found;
    const efiqa_status status = efiqa_causes(map, landmark, byte() & 1 ? map : NULL, map_size, field, field_size, &light,
                                             weights, weights_size, &found);
    expect(right, status);
    for (int i = 0; status == EFIQA_OK && i < EFIQA_CAUSES; ++i)
        if (!(found.main[i] >= 0 && found.main[i] <= 1.001 && found.share[i] >= 0 && found.share[i] <= 1.001)) abort();
    expect(right, efiqa_lost_to_light(&light, field, field_size, lost, lost_size));
    *gone = kept;
    for (int i = 0; i < 6; ++i) free(*arrays[i]);
    free(map), free(weights), free(field), free(lost);
}

static void circle(void) {
    const int right = left == 0;
    efiqa_field field;
    uint64_t size;
    uint8_t *mask = buffer(MASK, &size);
    const double x = real(-100, 900), y = real(-100, 900), radius = real(1, 900);
    const int32_t width = (int32_t)number(1, 900), height = (int32_t)number(1, 900);
    expect(right, efiqa_circle_field(x, y, radius, width, height, &field, mask, size));
    (void)efiqa_sentence((int32_t)number(0, 8));
    free(mask);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input = data, left = size;
    switch (byte() % 5) {
        case 0: maps(); break;
        case 1: circle(); break;
        case 2: causes(); break;
        default: frames();
    }
    return 0;
}
