/* Frames, crops, tensors and maps of random and of impossible shapes, in buffers of exactly the size that is stated: what
 * the sanitizers see as one byte too many is a fault. Ends with 1 where a status is not the one that it must be.
 * Usage: bad_input [ROUNDS [SEED]] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "efiqa_edge.h"

enum { MASK = EFIQA_FIELD_MASK * EFIQA_FIELD_MASK };
static uint64_t state = 1;
static int faults = 0;

static int64_t any(int64_t low, int64_t high) { /* from low to high */
    state = state * 6364136223846793005u + 1442695040888963407u;
    return low + (int64_t)((state >> 33) % (uint64_t)(high - low + 1));
}

static int64_t odd_number(void) {
    static const int64_t numbers[] = {0,        -1,         1,         INT32_MAX,     INT32_MIN, INT64_MAX,
                                      INT64_MIN, 1LL << 31, 1LL << 40, -(1LL << 31), 8193,      65536};
    return numbers[any(0, 11)];
}

static void expect(const char *what, int found, int wanted) {
    if (found == wanted) return;
    printf("%s: %d (%s), not %d\n", what, found, efiqa_sentence(found), wanted);
    ++faults;
}

static uint8_t *bytes(uint64_t size) {
    uint8_t *made = malloc(size ? size : 1);
    for (uint64_t i = 0; i < size; ++i) made[i] = (uint8_t)any(0, 255);
    return made;
}

/* A frame that is right, in buffers that end with its last byte. */
static efiqa_frame make_frame(int64_t widest, int64_t highest) {
    efiqa_frame frame = {0};
    frame.format = (int32_t)any(0, 4), frame.matrix = (int32_t)any(0, 1), frame.range = (int32_t)any(0, 1);
    frame.width = (int32_t)any(1, widest), frame.height = (int32_t)any(1, highest);
    const int64_t pairs = (frame.width + 1) / 2;
    const int64_t rows[] = {3 * frame.width, 3 * frame.width, frame.width, 4 * pairs, frame.width};
    for (int plane = 0; plane < (frame.format == EFIQA_NV12 ? 2 : 1); ++plane) {
        const int64_t row = plane ? 2 * pairs : rows[frame.format], height = plane ? (frame.height + 1) / 2 : frame.height;
        frame.stride[plane] = row + any(0, 5);
        frame.size[plane] = (uint64_t)((height - 1) * frame.stride[plane] + row);
        frame.plane[plane] = bytes(frame.size[plane]);
    }
    return frame;
}

static void frame_step(void) {
    efiqa_frame frame = make_frame(70, 70);
    const efiqa_frame right = frame;
    efiqa_tensor tensor = {0};
    tensor.side = (int32_t)any(4, 40), tensor.type = (int32_t)any(0, 2), tensor.scale = 0.02f;
    for (int c = 0; c < 3; ++c) tensor.mean[c] = 0.5f, tensor.std[c] = 0.2f;
    tensor.size = 3ull * (uint64_t)tensor.side * (uint64_t)tensor.side * (tensor.type == 0 ? 4 : tensor.type == 1 ? 2 : 1);
    tensor.data = bytes(tensor.size);
    efiqa_crop crop = {0, 0, any(1, 120)};
    crop.x = any(1 - crop.side, frame.width - 1), crop.y = any(1 - crop.side, frame.height - 1);
    efiqa_light light = {0};
    light.grid = (int32_t)any(1, tensor.side / 4), light.size = (uint64_t)light.grid * (uint64_t)light.grid;
    float **arrays[] = {&light.blue, &light.green, &light.red, &light.clipped, &light.detail, &light.grain};
    for (int i = 0; i < 6; ++i) *arrays[i] = any(0, 3) ? (float *)bytes(4 * light.size) : NULL;
    light.picture_size = (uint64_t)tensor.side * (uint64_t)tensor.side;
    light.picture = (float *)bytes(4 * light.picture_size);
    expect("a frame", efiqa_frame_step(&frame, &crop, &tensor, any(0, 1) ? &light : NULL), EFIQA_OK);

    const int64_t row = 3 * (int64_t)frame.width, gap = any(0, 5);
    const uint64_t shown_size = (uint64_t)((frame.height - 1) * (row + gap) + row);
    uint8_t *shown = bytes(shown_size);
    expect("a picture", efiqa_bgr(&frame, shown, shown_size, row + gap), EFIQA_OK);
    expect("a short picture", efiqa_bgr(&frame, shown, shown_size - 1, row + gap), EFIQA_SHORT_BUFFER);
    expect("a narrow picture", efiqa_bgr(&frame, shown, shown_size, row - 1), EFIQA_BAD_STRIDE);
    expect("no picture", efiqa_bgr(&frame, NULL, shown_size, row), EFIQA_NULL_POINTER);
    free(shown);

    efiqa_field field;
    uint8_t *mask = bytes(MASK);
    expect("a field", efiqa_find_field(&frame, &field, mask, MASK), EFIQA_OK);
    if (field.found && field.crop.side < 1) expect("a side", 0, 1);
    expect("a short mask", efiqa_find_field(&frame, &field, mask, MASK - 1), EFIQA_SHORT_BUFFER);
    expect("no mask", efiqa_find_field(&frame, &field, NULL, MASK), EFIQA_NULL_POINTER);

    frame.size[0] -= 1;
    expect("a short plane", efiqa_frame_step(&frame, &crop, &tensor, NULL), EFIQA_SHORT_BUFFER);
    frame = right, frame.plane[0] = NULL;
    expect("no plane", efiqa_frame_step(&frame, &crop, &tensor, NULL), EFIQA_NULL_POINTER);
    frame = right, frame.stride[0] = -frame.stride[0];
    expect("a negative stride", efiqa_frame_step(&frame, &crop, &tensor, NULL), EFIQA_BAD_STRIDE);
    frame = right, frame.format = (int32_t)any(5, INT32_MAX);
    expect("no format", efiqa_frame_step(&frame, &crop, &tensor, NULL), EFIQA_BAD_FORMAT);
    frame = right, frame.height = 0;
    expect("no height", efiqa_frame_step(&frame, &crop, &tensor, NULL), EFIQA_BAD_SIZE);
    frame = right, crop.x = frame.width;
    expect("a crop outside", efiqa_frame_step(&frame, &crop, &tensor, NULL), EFIQA_BAD_CROP);
    crop.x = 0, crop.y = 0;
    efiqa_tensor aslant = tensor;
    aslant.data = (char *)tensor.data + 1, aslant.type = EFIQA_FLOAT32;
    expect("a tensor aslant", efiqa_frame_step(&frame, &crop, &aslant, NULL), EFIQA_UNALIGNED);
    tensor.size -= 1;
    expect("a short tensor", efiqa_frame_step(&frame, &crop, &tensor, NULL), EFIQA_SHORT_BUFFER);
    tensor.size += 1, light.picture_size -= 1;
    expect("a short picture", efiqa_frame_step(&frame, &crop, &tensor, &light), EFIQA_SHORT_BUFFER);
    light.picture_size += 1;

    /* Whatever it says, nothing beyond the buffers is touched. */
    int64_t *wide[] = {&frame.stride[0], &frame.stride[1], &crop.x, &crop.y, &crop.side};
    int32_t *narrow[] = {&frame.format, &frame.matrix, &frame.range, &frame.width, &frame.height,
                         &tensor.type,  &tensor.side,  &light.grid,  &tensor.zero_point};
    if (any(0, 1)) *wide[any(0, 4)] = odd_number();
    else *narrow[any(0, 8)] = (int32_t)odd_number();
    if (any(0, 7) == 0) tensor.std[any(0, 2)] = any(0, 1) ? NAN : -1.0f;
    (void)efiqa_frame_step(&frame, &crop, &tensor, &light);
    (void)efiqa_find_field(&frame, &field, mask, MASK);
    free(mask);

    for (int i = 0; i < 6; ++i) free(*arrays[i]);
    free(light.picture), free(tensor.data), free((void *)right.plane[0]), free((void *)right.plane[1]);
}

/* A disc, drawn by halves, in a frame large enough to hold a field: what the finder does with one. */
static void discs(void) {
    const int32_t width = (int32_t)any(16, 300), height = (int32_t)any(16, 300);
    efiqa_frame frame = {EFIQA_BGR, 0, 0, width, height, {NULL, NULL}, {3 * width, 0}, {0, 0}};
    frame.size[0] = (uint64_t)(3 * width) * (uint64_t)height;
    uint8_t *pixels = bytes(frame.size[0]), *mask = bytes(MASK);
    const int64_t x = any(-50, 350), y = any(-50, 350), radius = any(1, 300), light = any(0, 200), noise = any(1, 40);
    for (int32_t row = 0; row < height; ++row)
        for (int32_t column = 0; column < width; ++column) {
            const int64_t right = column - x, down = row - y;
            for (int c = 0; c < 3; ++c) {
                uint8_t *pixel = &pixels[3 * (row * width + column) + c];
                *pixel = (uint8_t)(*pixel % noise + (right * right + down * down < radius * radius ? light : 0));
            }
        }
    frame.plane[0] = pixels;
    efiqa_field field;
    expect("a disc", efiqa_find_field(&frame, &field, mask, MASK), EFIQA_OK);
    expect("a circle", efiqa_circle_field((double)x, (double)y, (double)radius, width, height, &field, mask, MASK), EFIQA_OK);
    expect("no circle", efiqa_circle_field(NAN, 0, 9, width, height, &field, mask, MASK), EFIQA_BAD_NUMBER);
    expect("no size", efiqa_circle_field(0, 0, 9, width, 0, &field, mask, MASK), EFIQA_BAD_SIZE);
    free(pixels), free(mask);
}

/* Frames so long that the finder reduces them, by steps of two and then of three, five or seven. */
static void long_frames(void) {
    efiqa_frame frame = make_frame(2000, 160);
    uint8_t *mask = bytes(MASK);
    efiqa_field field;
    if (frame.format != EFIQA_NV12) frame.stride[1] = odd_number(); /* of no plane */
    expect("a long frame", efiqa_find_field(&frame, &field, mask, MASK), EFIQA_OK);
    free(mask), free((void *)frame.plane[0]), free((void *)frame.plane[1]);
}

/* Floats in a buffer that ends with the last. */
static float *floats(uint64_t number, double low, double high) {
    float *made = malloc(4 * number);
    for (uint64_t i = 0; i < number; ++i) made[i] = (float)(low + (high - low) * (double)any(0, 1000) / 1000);
    return made;
}

static void causes(void) {
    static float weights[EFIQA_CAUSE_WEIGHTS];
    const int32_t grid = (int32_t)any(1, 40);
    const uint64_t cells = (uint64_t)grid * (uint64_t)grid, few = EFIQA_CAUSE_WEIGHTS;
    for (uint64_t i = 0; i < few; ++i) weights[i] = (float)any(-1000, 1000) / 2000.0f;
    float *map = floats(cells, 0, 1), *disc = any(0, 1) ? floats(cells, 0, 1) : NULL;
    uint8_t *field = bytes(cells), *lost = bytes(cells);
    for (uint64_t i = 0; i < cells; ++i) field[i] &= 1;
    field[any(0, (int64_t)cells - 1)] = 1;
    efiqa_light light = {grid, cells, floats(cells, 0, 255), floats(cells, 0, 255), floats(cells, 0, 255),
                         floats(cells, 0, 1), floats(cells, 0, 2), floats(cells, 0, 2), NULL, 0};
    float **arrays[] = {&light.blue, &light.green, &light.red, &light.clipped, &light.detail, &light.grain};
    efiqa_evidence found;
    expect("causes", efiqa_causes(map, disc, NULL, cells, field, cells, &light, weights, few, &found), EFIQA_OK);
    double sum = 0;
    for (int i = 0; i < EFIQA_CAUSES; ++i) sum += found.main[i];
    if (!(fabs(sum - 1) < 1e-3)) expect("chances of 1 in sum", 1, 0);
    expect("lost light", efiqa_lost_to_light(&light, field, cells, lost, cells), EFIQA_OK);
    for (uint64_t i = 0; i < cells; ++i)
        if (lost[i] > field[i]) expect("lost within the field", 1, 0);
    expect("few weights", efiqa_causes(map, disc, NULL, cells, field, cells, &light, weights, few - 1, &found),
           EFIQA_SHORT_BUFFER);
    expect("a short map", efiqa_causes(map, disc, NULL, cells - 1, field, cells, &light, weights, few, &found),
           EFIQA_SHORT_BUFFER);
    expect("a short field", efiqa_causes(map, disc, NULL, cells, field, cells - 1, &light, weights, few, &found),
           EFIQA_SHORT_BUFFER);
    expect("little room", efiqa_lost_to_light(&light, field, cells, lost, cells - 1), EFIQA_SHORT_BUFFER);
    expect("no room", efiqa_lost_to_light(&light, field, cells, NULL, cells), EFIQA_NULL_POINTER);
    expect("no evidence", efiqa_causes(map, disc, NULL, cells, field, cells, &light, weights, few, NULL),
           EFIQA_NULL_POINTER);
    float **gone = arrays[any(0, 5)], *kept = *gone;
    *gone = NULL;
    expect("no channel", efiqa_causes(map, disc, NULL, cells, field, cells, &light, weights, few, &found),
           EFIQA_NULL_POINTER);
    *gone = kept;
    light.grid = any(0, 1) ? 0 : (int32_t)any(1025, INT32_MAX);
    expect("no grid", efiqa_causes(map, disc, NULL, cells, field, cells, &light, weights, few, &found), EFIQA_BAD_SIZE);
    light.grid = (int32_t)odd_number();
    (void)efiqa_causes(map, disc, NULL, cells, field, cells, &light, weights, few, &found);
    (void)efiqa_lost_to_light(&light, field, cells, lost, cells);
    light.grid = grid, weights[any(0, (int64_t)few - 1)] = any(0, 1) ? NAN : 1e9f;
    expect("no weight", efiqa_causes(map, disc, NULL, cells, field, cells, &light, weights, few, &found),
           EFIQA_BAD_NUMBER);
    kept[any(0, (int64_t)cells - 1)] = any(0, 1) ? NAN : 1e9f;
    expect("no light", efiqa_causes(map, disc, NULL, cells, field, cells, &light, weights, few, &found),
           EFIQA_BAD_NUMBER);
    for (int i = 0; i < 6; ++i) free(*arrays[i]);
    free(map), free(disc), free(field), free(lost);
}

static void maps(void) {
    const int32_t grid = (int32_t)any(1, 20), width = (int32_t)any(1, 50), height = (int32_t)any(1, 50);
    const uint64_t cells = (uint64_t)grid * (uint64_t)grid;
    const int64_t stride = 3 * width + any(0, 5);
    const uint64_t size = (uint64_t)((height - 1) * stride + 3 * width);
    float *map = malloc(4 * 3 * cells);
    for (uint64_t i = 0; i < 3 * cells; ++i) map[i] = (float)any(0, 1000) / 1000.0f;
    uint8_t *field = bytes(cells), *picture = bytes(size);
    efiqa_pooling pooling = {3, 2, 1};
    double score = -1;
    expect("a score", efiqa_score(map, 3 * cells, 3, grid, field, cells, &pooling, &score), EFIQA_OK);
    if (!(score >= 0 && score <= 1)) expect("a score in [0, 1]", 1, 0);
    expect("short maps", efiqa_score(map, 3 * cells - 1, 3, grid, field, cells, &pooling, &score), EFIQA_SHORT_BUFFER);
    expect("a short field", efiqa_score(map, cells, 1, grid, field, cells - 1, &pooling, &score), EFIQA_SHORT_BUFFER);
    expect("maps aslant", efiqa_score((const float *)(const void *)((const char *)map + 1), cells, 1, grid, field, cells, &pooling, &score),
           EFIQA_UNALIGNED);
    expect("no score", efiqa_score(map, cells, 1, grid, field, cells, &pooling, NULL), EFIQA_NULL_POINTER);
    efiqa_crop crop = {0, 0, any(1, 300)};
    crop.x = any(1 - crop.side, width - 1), crop.y = any(1 - crop.side, height - 1);
    expect("a blend", efiqa_blend(map, cells, field, cells, grid, &crop, picture, size, width, height, stride), EFIQA_OK);
    expect("a short picture", efiqa_blend(map, cells, field, cells, grid, &crop, picture, size - 1, width, height, stride),
           EFIQA_SHORT_BUFFER);
    map[any(0, (int64_t)cells - 1)] = NAN;
    expect("no map", efiqa_blend(map, cells, field, cells, grid, &crop, picture, size, width, height, stride),
           EFIQA_BAD_NUMBER);
    map[0] = 0;
    crop.side = odd_number(), crop.x = any(0, 1) ? odd_number() : 0;
    (void)efiqa_blend(map, cells, field, cells, grid, &crop, picture, size, width, height, stride);
    (void)efiqa_blend(map, cells, field, cells, (int32_t)odd_number(), &crop, picture, size, width, height, stride);
    (void)efiqa_blend(map, cells, field, cells, grid, &crop, picture, size, (int32_t)odd_number(), height, stride);
    (void)efiqa_blend(map, cells, field, cells, grid, &crop, picture, size, width, height, odd_number());
    free(map), free(field), free(picture);
}

int main(int argc, char **argv) {
    const long rounds = argc > 1 ? atol(argv[1]) : 300;
    state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    expect("nothing", efiqa_frame_step(NULL, NULL, NULL, NULL), EFIQA_NULL_POINTER);
    if (efiqa_abi_version() != EFIQA_ABI_VERSION) expect("the version", efiqa_abi_version(), EFIQA_ABI_VERSION);
    for (long i = 0; i < rounds; ++i) frame_step(), discs(), long_frames(), causes(), maps();
    printf("efiqa_edge %s: %ld rounds, %d faults\n", efiqa_version(), rounds, faults);
    return faults != 0;
}
