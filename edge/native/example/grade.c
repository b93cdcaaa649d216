/* Grade one raw NV12 frame (BT.601, luma from 16 to 235, rows without gaps) without Python, with an engine of your own.
 *
 *   efiqa_grade FRAME.nv12 WIDTH HEIGHT X Y SIDE TENSOR.f32            writes what the network reads, 3 x 256 x 256
 *   efiqa_grade FRAME.nv12 WIDTH HEIGHT X Y SIDE TENSOR.f32 MAPS.f32   reads its maps, 3 x 32 x 32; prints the score
 *   efiqa_grade ... MAPS.f32 CAUSES.f32                                and what took most, by the network of causes
 *
 * X, Y and SIDE are the square around the field of view; the field is the circle in it. Between the two calls an engine
 * runs the network out of the bundle (unzip model.efiqa model.onnx). All numbers are float32. Sizes, mean, std and what
 * each region counts stand in the bundle's manifest.yaml; those here are of the default model. */
#include <stdio.h>
#include <stdlib.h>

#include "efiqa_edge.h"

enum { SIDE = 256, GRID = 32, CELLS = GRID * GRID, MAPS = 3 };

static void fail(const char *what, const char *why) {
    fprintf(stderr, "error: %s: %s\n", what, why);
    exit(1);
}

static void *read_file(const char *path, size_t size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail(path, "it cannot be opened.");
    void *bytes = malloc(size);
    if (bytes == NULL || fread(bytes, 1, size, file) != size) fail(path, "it is shorter than it should be.");
    fclose(file);
    return bytes;
}

static void write_file(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) fail(path, "it cannot be written.");
}

/* FNV-1a: the same number on every machine. */
static uint64_t checksum(const void *data, size_t size) {
    uint64_t sum = 14695981039346656037ull;
    for (size_t i = 0; i < size; ++i) sum = (sum ^ ((const uint8_t *)data)[i]) * 1099511628211ull;
    return sum;
}

static void check(efiqa_status status) {
    if (status != EFIQA_OK) fail("efiqa_edge", efiqa_sentence(status));
}

/* The cells of the circle that fills the square, as far as the frame goes. */
static void make_field(uint8_t *field, const efiqa_crop *crop, int width, int height) {
    for (int y = 0; y < GRID; ++y)
        for (int x = 0; x < GRID; ++x) {
            const double across = (x + 0.5) / GRID, down = (y + 0.5) / GRID;
            const double left = crop->x + across * (double)crop->side, top = crop->y + down * (double)crop->side;
            const double radius = 4 * ((across - 0.5) * (across - 0.5) + (down - 0.5) * (down - 0.5));
            field[y * GRID + x] = radius < 1 && left >= 0 && top >= 0 && left < width && top < height;
        }
}

/* What took most of the frame. The weights are those of efiqa-edge: docs/native.md says how they are written. */
static void say_cause(const char *path, const float *maps, const uint8_t *field, const efiqa_light *light) {
    static const char *const names[] = {"too_dark", "edge_shadow", "too_bright", "reflex", "lid", "haze", "blur"};
    float *weights = read_file(path, EFIQA_CAUSE_WEIGHTS * sizeof(float));
    efiqa_evidence found;
    check(efiqa_causes(maps, maps + CELLS, maps + 2 * CELLS, CELLS, field, CELLS, light, weights, EFIQA_CAUSE_WEIGHTS,
                       &found));
    int most = 0;
    for (int i = 1; i < EFIQA_CAUSES; ++i)
        if (found.main[i] > found.main[most]) most = i;
    printf("%s, %.5f of the field, at %.4f %.4f\n", names[most], found.share[most], found.x[most], found.y[most]);
    free(weights);
}

int main(int argc, char **argv) {
    if (argc < 8 || argc > 10) {
        fprintf(stderr, "usage: %s FRAME.nv12 WIDTH HEIGHT X Y SIDE TENSOR.f32 [MAPS.f32 [CAUSES.f32]]\n", argv[0]);
        return 2;
    }
    const int width = atoi(argv[2]), height = atoi(argv[3]);
    const efiqa_crop crop = {atoll(argv[4]), atoll(argv[5]), atoll(argv[6])};
    if (width < 2 || height < 2 || width > 16384 || height > 16384) fail(argv[1], "a side is from 2 to 16384 pixels.");
    const size_t stride = (size_t)(width + 1) / 2 * 2, luma = (size_t)width * (size_t)height;
    const size_t colours = stride * (((size_t)height + 1) / 2);
    uint8_t *bytes = read_file(argv[1], luma + colours);
    const efiqa_frame frame = {EFIQA_NV12, EFIQA_BT601, EFIQA_LIMITED, width, height, {bytes, bytes + luma},
                               {width, (int64_t)stride}, {luma, colours}};
    static float data[3 * SIDE * SIDE], blue[CELLS], green[CELLS], red[CELLS], clipped[CELLS], detail[CELLS], grain[CELLS];
    const efiqa_tensor tensor = {data, sizeof data, EFIQA_FLOAT32, SIDE, {0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}, 0, 0};
    const efiqa_light light = {GRID, CELLS, blue, green, red, clipped, detail, grain, NULL, 0};
    check(efiqa_frame_step(&frame, &crop, &tensor, &light));
    static uint8_t field[CELLS];
    make_field(field, &crop, width, height);
    double brightness = 0, fine = 0, cells = 0;
    for (int i = 0; i < CELLS; ++i)
        if (field[i]) brightness += green[i], fine += detail[i], ++cells;
    if (cells == 0) fail(argv[1], "the circle lies beyond the frame.");
    printf("tensor %016llx, green %.1f, detail %.4f\n", (unsigned long long)checksum(data, sizeof data),
           brightness / cells, fine / cells);
    write_file(argv[7], data, sizeof data);
    if (argc > 8) {
        float *maps = read_file(argv[8], MAPS * CELLS * sizeof(float));
        const efiqa_pooling pooling = {2, 3, 1};
        static uint8_t lost[CELLS];
        double score;
        check(efiqa_lost_to_light(&light, field, CELLS, lost, CELLS));
        for (int i = 0; i < CELLS; ++i)
            if (lost[i]) maps[i] = 1;
        check(efiqa_score(maps, MAPS * CELLS, MAPS, GRID, field, CELLS, &pooling, &score));
        printf("score %.6f\n", score);
        if (argc > 9) say_cause(argv[9], maps, field, &light);
        free(maps);
    }
    free(bytes);
    return 0;
}
