// Every kernel in one thread of a GPU: that nvcc compiles it, with warnings as errors, is the test.
#include "base.h"
#include "blend.h"
#include "contrast.h"
#include "exposure.h"
#include "field.h"
#include "nonlinear.h"
#include "pixel.h"
#include "score.h"
#include "tensor.h"
using namespace efiqa;
__global__ void all(const Tap *taps, const float *weights, const float *row, float *out, uint16_t *half, int8_t *small,
                    uint8_t *pixels, Yuv yuv, Pooling pooling, double *lost, Tint tint) {
    const int64_t i = blockIdx.x * blockDim.x + threadIdx.x;
    const float value = normalised(grey(across<float>(taps[i], weights, row, 4), 1e-3f), 2.0f, 1.0f);
    out[i] = contrast(ripple(value, at_its_end(value)), row[mirrored(i - 9, 100)]) + out_of_nine(pixels[i], 9);
    half[i] = to_half(value), small[i] = to_int8(value, 0.02f, 3);
    const Chroma chroma = chroma_of(yuv, pixels[i], pixels[i + 1]);
    const int16_t lumas[4] = {luma_of(yuv, pixels[i + 2]), luma_of(yuv, pixels[i + 3]), 0, 0};
    pixels[i] = colour(lumas[0], chroma.red), pixels[i + 1] = halved_colour(lumas, chroma.blue, chroma.green);
    lost[i] = lost_of(weight_of(pooling, value, value, true), 2.0, value);
    out[i] += is_burnt({250.0f, 248.0f, 150.0f}, value, row[i]) ? log_of(value) : exp_of(value);
    const int32_t place = place_of(i, 1080);
    const uint8_t added = added_of(tint, 0, veil(value)), kept = kept_of(tint, level_of(value) & 1, 1.0f);
    const auto wide = static_cast<int16_t>(between(added, kept, static_cast<uint32_t>(place & 127)));
    pixels[i] = blended(pixels[i], between_rows(wide, wide, 256), added);
    const uint8_t mean = mean_of_four(pixels[i], added, kept, mean_of_nine(static_cast<uint32_t>(i)));
    pixels[i] = brightness(mean, mean_of_block(i, 0.1f), is_within(mixed(value, 1.0f, 0.5f), value));
}
