// The fused frame step: crop, resample, reorder and normalise a camera frame in one pass over its rows.
//
// Resampling is separable: each output pixel is a weighted sum of neighbouring input pixels, and the same
// weights ("taps") serve rows and columns. Per output row, the input rows it covers are first summed into one
// float row (long contiguous loops, which the compiler vectorises), then that one row is reduced sideways.
// Doing it in this order leaves the sideways step, the one with irregular access, only the output's height to do.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <tuple>
#include <vector>

#include <nanobind/stl/tuple.h>

namespace nb = nanobind;

using Frame = nb::ndarray<const uint8_t, nb::shape<-1, -1, 3>, nb::device::cpu>;
using Tensor = nb::ndarray<nb::numpy, float, nb::shape<1, 3, -1, -1>>;
using PerChannel = std::tuple<float, float, float>;

namespace {

constexpr int64_t kFarthest = int64_t{1} << 40;  // of a crop, in pixels; sums of two stay exact in a double
constexpr int64_t kLargest = 8192;               // side of the tensor
// Added and taken away again, it rounds a float to a whole number: 1.5 * 2^23, beside which there is no room for less.
// The network learned from resampled pictures in 8 bits, and half a grey level everywhere is enough to move a score.
constexpr float kWhole = 12582912.0f;

// Which input pixels make one output pixel: frame positions first, first + 1, ... with weights[begin], ... [end).
struct Tap {
    int64_t first;
    size_t begin, end;
};

struct Taps {
    std::vector<Tap> of;
    std::vector<float> weights;
    int64_t low, high;  // the part of the frame that any tap reads
};

// Taps along one axis for `side` crop pixels from `origin` onto `size` output pixels. Positions beyond the frame
// (0 .. extent) are black and get no weight, so the work is bounded by the frame, however large the crop is.
Taps make_taps(int64_t origin, int64_t side, int64_t size, int64_t extent) {
    Taps taps;
    const int64_t low = std::clamp<int64_t>(origin, 0, extent);
    const int64_t high = std::clamp<int64_t>(origin + side, low, extent);
    taps.low = low, taps.high = high;
    const double scale = static_cast<double>(side) / static_cast<double>(size);
    for (int64_t i = 0; i < size; ++i) {
        Tap tap{low, taps.weights.size(), 0};
        const auto add = [&](int64_t from, int64_t to, auto weight) {  // crop pixels from .. to
            const int64_t first = std::max(from + origin, low), last = std::min(to + origin, high);
            tap.first = first < last ? first : low;
            for (int64_t p = first; p < last; ++p) taps.weights.push_back(static_cast<float>(weight(p - origin)));
        };
        if (side >= size) {  // area: how much of each input pixel the output pixel covers
            const double begin = static_cast<double>(i) * scale, end = begin + scale;
            add(static_cast<int64_t>(begin), static_cast<int64_t>(std::ceil(end)), [&](int64_t p) {
                const double x = static_cast<double>(p);
                return std::max(0.0, std::min(end, x + 1) - std::max(begin, x)) / scale;
            });
        } else {  // linear between pixel centres; beyond the outermost centre of the crop its value stays
            const double last = static_cast<double>(side - 1);
            const double at = std::clamp((static_cast<double>(i) + 0.5) * scale - 0.5, 0.0, last);
            const auto before = static_cast<int64_t>(at);
            const double share = at - static_cast<double>(before);
            add(before, std::min(before + 2, side), [&](int64_t p) { return p == before ? 1 - share : share; });
        }
        tap.end = taps.weights.size();
        taps.of.push_back(tap);
    }
    return taps;
}

// What one call works on; strides are in bytes.
struct Job {
    const uint8_t *frame;
    int64_t row_stride, pixel_stride, channel_stride;
    Taps rows, columns;
    std::array<float, 3> factor, offset;  // per output channel R, G, B: value * factor + offset
    float nudge;  // added before values are rounded, halves to even; OpenCV, which training uses, rounds halves up
                  // where it halves a picture
    int64_t size;
    float *out;  // (3, size, size)
};

// The visible columns of one frame row as packed BGR bytes: in place where they are packed already.
inline const uint8_t *packed_row(const Job &job, int64_t y, std::vector<uint8_t> &buffer) {
    const uint8_t *row = job.frame + y * job.row_stride + job.columns.low * job.pixel_stride;
    if (job.pixel_stride == 3 && job.channel_stride == 1) return row;
    for (size_t i = 0; i < buffer.size(); i += 3, row += job.pixel_stride)
        for (int64_t c = 0; c < 3; ++c) buffer[i + static_cast<size_t>(c)] = row[c * job.channel_stride];
    return buffer.data();
}

// sum[i] (+)= weight * row[i]
template <bool Add>
[[gnu::always_inline]] inline void add_row(float *__restrict sum, const uint8_t *__restrict row, float weight,
                                           size_t n) {
    for (size_t i = 0; i < n; ++i) sum[i] = weight * static_cast<float>(row[i]) + (Add ? sum[i] : 0.0f);
}

// One output row from the summed input row. Four lanes at a time: B, G, R and one to spare.
[[gnu::always_inline]] inline void reduce_row(const Job &job, const float *sum, int64_t y) {
    using Pixel = float __attribute__((vector_size(16)));
    float *red = job.out + y * job.size, *green = red + job.size * job.size, *blue = green + job.size * job.size;
    for (int64_t x = 0; x < job.size; ++x) {
        const Tap tap = job.columns.of[static_cast<size_t>(x)];
        const float *from = sum + 3 * (tap.first - job.columns.low);
        Pixel pixel = {0, 0, 0, 0};
        for (size_t t = tap.begin; t < tap.end; ++t, from += 3) {
            Pixel read;
            std::memcpy(&read, from, sizeof read);
            pixel += job.columns.weights[t] * read;
        }
        pixel = (pixel + job.nudge + kWhole) - kWhole;
        red[x] = pixel[2] * job.factor[0] + job.offset[0];
        green[x] = pixel[1] * job.factor[1] + job.offset[1];
        blue[x] = pixel[0] * job.factor[2] + job.offset[2];
    }
}

[[gnu::always_inline]] inline void run_job(const Job &job) {
    const auto n = static_cast<size_t>(3 * (job.columns.high - job.columns.low));
    std::vector<float> sum(n + 4);  // 4 more, for the spare lane
    std::vector<uint8_t> buffer(n);
    for (int64_t y = 0; y < job.size; ++y) {
        const Tap tap = job.rows.of[static_cast<size_t>(y)];
        if (tap.begin == tap.end) std::fill(sum.begin(), sum.end(), 0.0f);
        for (size_t t = tap.begin; t < tap.end; ++t) {
            const uint8_t *row = packed_row(job, tap.first + static_cast<int64_t>(t - tap.begin), buffer);
            if (t == tap.begin)
                add_row<false>(sum.data(), row, job.rows.weights[t], n);
            else
                add_row<true>(sum.data(), row, job.rows.weights[t], n);
        }
        reduce_row(job, sum.data(), y);
    }
}

// A wheel travels between machines, so the build assumes no more than the baseline of its architecture, and the
// wider vectors of newer x86 are chosen when it runs. (The baseline of 64-bit ARM has NEON already.)
#if defined(__x86_64__)
[[gnu::target("avx2,fma")]] void run_avx2(const Job &job) { run_job(job); }
[[gnu::target("avx512f,avx512bw,avx512vl,fma,prefer-vector-width=512")]] void run_avx512(const Job &job) {
    run_job(job);
}
void run(const Job &job) {
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) return run_avx512(job);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return run_avx2(job);
    run_job(job);
}
#else
void run(const Job &job) { run_job(job); }
#endif

std::array<float, 3> to_array(const PerChannel &v) { return {std::get<0>(v), std::get<1>(v), std::get<2>(v)}; }

Tensor prepare(const Frame &frame, int64_t x, int64_t y, int64_t side, int64_t size, const PerChannel &mean,
               const PerChannel &deviation) {
    const auto is_far = [](int64_t v) { return v < -kFarthest || v > kFarthest; };
    if (frame.size() == 0) throw std::invalid_argument("the frame is empty");
    if (side < 1 || is_far(side) || is_far(x) || is_far(y))
        throw std::invalid_argument("the crop needs a side of at least 1 pixel and must lie within 2^40 pixels");
    if (size < 1 || size > kLargest) throw std::invalid_argument("the tensor needs a side of 1 to 8192 pixels");
    const auto m = to_array(mean), s = to_array(deviation);
    std::array<float, 3> factor{}, offset{};
    for (size_t c = 0; c < 3; ++c) {
        if (!(s[c] > 0)) throw std::invalid_argument("std must be positive");
        factor[c] = 1.0f / (255.0f * s[c]);
        offset[c] = -m[c] / s[c];
    }
    const auto side_length = static_cast<size_t>(size);
    auto out = std::make_unique<float[]>(3 * side_length * side_length);
    {
        const nb::gil_scoped_release released;
        run({frame.data(), frame.stride(0), frame.stride(1), frame.stride(2),
             make_taps(y, side, size, static_cast<int64_t>(frame.shape(0))),
             make_taps(x, side, size, static_cast<int64_t>(frame.shape(1))), factor, offset,
             side == 2 * size ? 1e-3f : 0.0f, size, out.get()});
    }
    float *data = out.release();
    const nb::capsule owner(data, [](void *p) noexcept { delete[] static_cast<float *>(p); });
    return Tensor(data, {1, 3, side_length, side_length}, owner);
}

}  // namespace

NB_MODULE(_frame_step, module) {
    module.def("prepare", &prepare, nb::arg("frame").noconvert(), nb::arg("x"), nb::arg("y"), nb::arg("side"),
               nb::arg("size"), nb::arg("mean"), nb::arg("std"),
               "Crop, resample and normalise a uint8 BGR frame (H, W, 3) into float32 RGB (1, 3, size, size).");
}
