#include "rows.h"

#include "vectors.h"

namespace efiqa {
namespace {

struct Job {
    const Yuv &yuv;
    const uint8_t *row, *chroma;
    int64_t number;  // of pixels
    uint8_t *out;    // all of blue, then of green, then of red
};

[[gnu::always_inline]] inline void put(uint8_t *to, const int16_t (&lumas)[2], int16_t tint) {
    const auto both = static_cast<uint16_t>(colour(lumas[0], tint) | colour(lumas[1], tint) << 8);
    std::memcpy(to, &both, sizeof both);
}

template <class Read>
[[gnu::always_inline]] inline void run(const Job &job) {
    const Yuv yuv = job.yuv;
    const Read two_of{};
    const int64_t n = job.number;
    const uint8_t *__restrict row = job.row, *__restrict chroma = job.chroma;
    uint8_t *__restrict blue = job.out, *__restrict green = blue + n, *__restrict red = green + n;
    for (int64_t i = 0; i < n / 2; ++i) {
        const Two two = two_of(row, chroma, i);
        const int16_t lumas[2] = {luma_of(yuv, two.luma[0]), luma_of(yuv, two.luma[1])};
        const Chroma tint = chroma_of(yuv, two.u, two.v);
        put(blue + 2 * i, lumas, tint.blue), put(green + 2 * i, lumas, tint.green), put(red + 2 * i, lumas, tint.red);
    }
}

[[gnu::always_inline]] inline void nv12_any(const Job &job) { run<TwoOfNv12>(job); }
[[gnu::always_inline]] inline void yuyv_any(const Job &job) { run<TwoOfYuyv>(job); }
EFIQA_WIDE(nv12, const Job &)
EFIQA_WIDE(yuyv, const Job &)

}  // namespace

void decode_row(const Source &source, int64_t y, uint8_t *out) {
    const efiqa_frame &frame = source.frame;
    const bool packed = frame.format == EFIQA_YUYV;
    const int64_t n = source.length / 3, last = n - 1, apart = packed ? 2 : 1;
    const uint8_t *row = frame.plane[0] + y * frame.stride[0] + apart * source.low;
    const uint8_t *chroma = packed ? row + 1 : frame.plane[1] + y / 2 * frame.stride[1] + source.low;
    const Job job{source.yuv, row, chroma, n, out};
    packed ? yuyv(job) : nv12(job);
    if (n % 2 == 0) return;
    // The last one has no other beside it.
    const int16_t luma = luma_of(source.yuv, row[apart * last]);
    const Chroma tint = chroma_of(source.yuv, chroma[apart * last], chroma[apart * last + apart]);
    out[last] = colour(luma, tint.blue), out[n + last] = colour(luma, tint.green);
    out[2 * n + last] = colour(luma, tint.red);
}

}  // namespace efiqa
