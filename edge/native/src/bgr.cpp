// A frame of any pixel format as BGR: what the other steps read of it, for whoever shows or keeps it.
#include "check.h"
#include "guard.h"
#include "rows.h"
#include "vectors.h"

namespace efiqa {
namespace {

struct Job {
    const efiqa_frame &frame;
    uint8_t *out;
    int64_t stride;
};

[[gnu::always_inline]] inline void interleave(const uint8_t *__restrict blue, const uint8_t *__restrict green,
                                              const uint8_t *__restrict red, int64_t n, int64_t apart,
                                              uint8_t *__restrict out) {
    for (int64_t i = 0; i < n; ++i)
        out[3 * i] = blue[apart * i], out[3 * i + 1] = green[apart * i], out[3 * i + 2] = red[apart * i];
}

[[gnu::always_inline]] inline void run_any(const Job &job) {
    const int64_t n = job.frame.width;
    const Source source = make_source(job.frame, 0, n);
    Scratch scratch(source);
    for (int64_t y = 0; y < job.frame.height; ++y) {
        const uint8_t *row = row_of(source, y, scratch);
        uint8_t *out = job.out + y * job.stride;
        if (source.planar)
            interleave(row, row + n, row + 2 * n, n, 1, out);
        else if (source.grey)
            interleave(row, row, row, n, 1, out);
        else
            interleave(row + source.blue, row + source.green, row + source.red, n, 3, out);
    }
}

EFIQA_WIDE(run, const Job &)

}  // namespace
}  // namespace efiqa

efiqa_status efiqa_bgr(const efiqa_frame *frame, uint8_t *bgr, uint64_t size, int64_t stride) noexcept {
    efiqa_status found = efiqa::check_frame(frame);
    if (found == EFIQA_OK) found = efiqa::check_rows(bgr, size, stride, 3 * int64_t{frame->width}, frame->height);
    if (found != EFIQA_OK) return found;
    return efiqa::guarded([&] {
        efiqa::run({*frame, bgr, stride});
        return EFIQA_OK;
    });
}
