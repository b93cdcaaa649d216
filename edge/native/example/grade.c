/* Grade one raw NV12 frame (BT.601, luma from 16 to 235, rows without gaps) without Python, with an engine of your own.
 *
 *   efiqa_grade FRAME.nv12 WIDTH HEIGHT TENSOR.f32            finds the field, writes what the network reads
 *   efiqa_grade FRAME.nv12 WIDTH HEIGHT TENSOR.f32 MAPS.f32   reads its maps, prints the score
 *   efiqa_grade ... MAPS.f32 CAUSES.f32                       and what took most, by the network of causes
 *
 * Between the two calls an engine runs the network out of the bundle (unzip model.efiqa model.onnx): its input is
 * `image`, 1 x 3 x 320 x 320, its output `maps`, 1 x 3 x 40 x 40. All numbers are float32. Sizes, mean, std, thresholds
 * and what each region counts stand in the bundle's manifest.yaml: those here are of the default model. */
#include <stdio.h>
#include <stdlib.h>

#include "efiqa_edge.h"

enum { SIDE = 320, GRID = 40, CELLS = GRID * GRID, MAPS = 3 };

static void fail(const char *what, const char *why) {
    fprintf(stderr, "error: %s: %s\n", what, why);
    exit(1);
}

static void *read_file(const char *path, size_t size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail(path, "it cannot be opened.");
    void *bytes = malloc(size);
    if (bytes == NULL || fread(bytes, 1, size, file) != size) fail(path, "it is shorter than it should be.");
    if (fgetc(file) != EOF) fail(path, "it is longer than it should be: look at width, height and format.");
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

/* How much of pixel `at` of the mask lies in cell `cell` of the grid, along one side; a whole pixel is GRID. */
static int overlap(int at, int cell) {
    const int begin = at * GRID, end = begin + GRID, first = cell * EFIQA_FIELD_MASK, last = first + EFIQA_FIELD_MASK;
    const int from = begin > first ? begin : first, to = end < last ? end : last;
    return to > from ? to - from : 0;
}

/* The cells at least half of which the mask has in the field. A cell need not be a whole number of pixels. */
static void make_cells(uint8_t *cells, const uint8_t *mask) {
    enum { EACH = EFIQA_FIELD_MASK / GRID + 2 };
    for (int y = 0; y < GRID; ++y)
        for (int x = 0; x < GRID; ++x) {
            const int top = y * EFIQA_FIELD_MASK / GRID, left = x * EFIQA_FIELD_MASK / GRID;
            int inside = 0;
            for (int row = top; row < top + EACH && row < EFIQA_FIELD_MASK; ++row)
                for (int column = left; column < left + EACH && column < EFIQA_FIELD_MASK; ++column)
                    if (mask[row * EFIQA_FIELD_MASK + column] != 0) inside += overlap(row, y) * overlap(column, x);
            cells[y * GRID + x] = 2 * inside >= EFIQA_FIELD_MASK * EFIQA_FIELD_MASK;
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
    if (found.present[most] >= 0.04)
        printf("%s, %.5f of the field, at %.4f %.4f\n", names[most], found.share[most], found.x[most], found.y[most]);
    else
        printf("no cause worth naming\n");
    free(weights);
}

int main(int argc, char **argv) {
    if (argc < 5 || argc > 7) {
        fprintf(stderr, "usage: %s FRAME.nv12 WIDTH HEIGHT TENSOR.f32 [MAPS.f32 [CAUSES.f32]]\n", argv[0]);
        return 2;
    }
    if (efiqa_abi_version() != EFIQA_ABI_VERSION) fail("efiqa_edge", "the library is not that of this header.");
    const int width = atoi(argv[2]), height = atoi(argv[3]);
    if (width < 2 || height < 2 || width > 16384 || height > 16384) fail(argv[1], "a side is from 2 to 16384 pixels.");
    const size_t stride = (size_t)(width + 1) / 2 * 2, luma = (size_t)width * (size_t)height;
    const size_t colours = stride * (((size_t)height + 1) / 2);
    uint8_t *bytes = read_file(argv[1], luma + colours);
    const efiqa_frame frame = {EFIQA_NV12, EFIQA_BT601, EFIQA_LIMITED, width, height, {bytes, bytes + luma},
                               {width, (int64_t)stride}, {luma, colours}};
    static uint8_t mask[EFIQA_FIELD_MASK * EFIQA_FIELD_MASK], cells[CELLS];
    efiqa_field field;
    check(efiqa_find_field(&frame, &field, mask, sizeof mask));
    if (!field.found) {
        printf("no fundus: nothing is lit\n");
        return 0;
    }
    make_cells(cells, mask);
    printf("field %lld %lld %lld%s\n", (long long)field.crop.x, (long long)field.crop.y, (long long)field.crop.side,
           field.aside ? ", which may be a spot of light" : "");
    static float data[3 * SIDE * SIDE];
    static float blue[CELLS], green[CELLS], red[CELLS], clipped[CELLS], detail[CELLS], grain[CELLS];
    const efiqa_tensor tensor = {data, sizeof data, EFIQA_FLOAT32, SIDE, {0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}, 0, 0};
    const efiqa_light light = {GRID, CELLS, blue, green, red, clipped, detail, grain, NULL, 0};
    check(efiqa_frame_step(&frame, &field.crop, &tensor, &light));
    printf("tensor %016llx\n", (unsigned long long)checksum(data, sizeof data));
    write_file(argv[4], data, sizeof data);
    if (argc > 5) {
        float *maps = read_file(argv[5], MAPS * CELLS * sizeof(float));
        const efiqa_pooling pooling = {2, 3, 1};
        static uint8_t lost[CELLS];
        double score;
        check(efiqa_lost_to_light(&light, cells, CELLS, lost, CELLS));
        int inside = 0, dark = 0;
        for (int i = 0; i < CELLS; ++i) {
            inside += cells[i];
            dark += lost[i];
            if (lost[i]) maps[i] = 1;
        }
        check(efiqa_score(maps, MAPS * CELLS, MAPS, GRID, cells, CELLS, &pooling, &score));
        /* Such a spot may be all that a shadow leaves of a retina: no frame like that is usable, whatever its score. */
        const char *why = field.aside ? ", but not usable: the field may be a spot of light"
                          : 100 * dark > 15 * inside ? ", but not usable: less than 85 % of the field is lit" : "";
        printf("score %.6f%s\n", score, why);
        if (argc > 6) say_cause(argv[6], maps, cells, &light);
        free(maps);
    }
    free(bytes);
    return 0;
}
