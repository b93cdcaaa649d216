// The kernels of edge/native/cuda on the CPU, thread by thread: the text that nvcc compiles, with loops for a GPU.
struct Place {
    unsigned x, y;
};
static Place blockIdx, blockDim, threadIdx;
#define __global__
#include "frame_step.cu"

namespace {

template <class Kernel>
void each_thread(Place blocks, Place block, const Kernel &kernel) {
    blockDim = block;
    for (blockIdx.y = 0; blockIdx.y < blocks.y; ++blockIdx.y)
        for (blockIdx.x = 0; blockIdx.x < blocks.x; ++blockIdx.x)
            for (threadIdx.y = 0; threadIdx.y < block.y; ++threadIdx.y)
                for (threadIdx.x = 0; threadIdx.x < block.x; ++threadIdx.x) kernel();
}

}  // namespace

extern "C" void on_cpu_tabulate(unsigned blocks, unsigned block, const FrameJob *job, Reach *reaches, float *shares) {
    each_thread({blocks, 1}, {block, 1}, [&] { efiqa_tabulate(job, reaches, shares); });
}

extern "C" void on_cpu_frame_pixels(unsigned blocks, unsigned block, const FrameJob *job, const uint8_t *frame,
                                    const Reach *reaches, const float *shares, float *tensor, uint8_t *bgr) {
    each_thread({blocks, blocks}, {block, block},
                [&] { efiqa_frame_pixels(job, frame, reaches, shares, tensor, bgr); });
}
