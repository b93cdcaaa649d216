// The frame step on a GPU, of a frame in memory that CPU and GPU share: edge/engines/tensorrt/frame_kernel.py starts both.
#include "frame_pixel.h"

using namespace efiqa;

// One thread for each output row and column.
extern "C" __global__ void efiqa_tabulate(const FrameJob *job, Reach *reaches, float *shares) {
    const int64_t n = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (n < 2 * job->side) tabulate(*job, n, reaches, shares);
}

// One thread for each output pixel. tensor: (3, side, side), R, G, B; bgr: (side, side, 3).
extern "C" __global__ void efiqa_frame_pixels(const FrameJob *job, const uint8_t *frame, const Reach *reaches,
                                              const float *shares, float *tensor, uint8_t *bgr) {
    const int64_t x = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, y = int64_t{blockIdx.y} * blockDim.y + threadIdx.y;
    if (x < job->side && y < job->side) frame_pixel(*job, frame, reaches, shares, y, x, tensor, bgr);
}
