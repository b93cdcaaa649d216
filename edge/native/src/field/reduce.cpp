// A large even factor is taken in steps, 2 x 2 pixels at a time and then what is odd of it, as OpenCV does it fastest and
// edge/field/find.py does it: a frame of 1080 rows is halved, halved again and divided by three, rounded at each step.
// All of it happens in one pass over the rows. A step adds each value of a row to the one beside it, without moving
// anything: what it leaves lies farther apart, with nothing of use between. So all loops run over neighbours, whatever
// the number of channels, and only the last picture, which is small, is picked from its places.
//
// Of YUV the first halving turns four pixels into colours on the way, and keeps none of them.
#include "reduce.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "pixel.h"
#include "rows.h"
#include "vectors.h"

namespace efiqa {
namespace {

constexpr double kWorkSize = 170;  // about the long side of the reduced frame

struct Halving {
    const uint8_t *one, *other;  // rows
    int64_t apart, length;       // values from one that counts to the next; of a row
    uint8_t *out;
};

[[gnu::always_inline]] inline void halve_any(const Halving &job) {
    const uint8_t *__restrict one = job.one, *__restrict other = job.other;
    const uint8_t *__restrict beside = one + job.apart, *__restrict across = other + job.apart;
    uint8_t *__restrict out = job.out;
    const int64_t n = job.length - job.apart;
    for (int64_t i = 0; i < n; ++i) out[i] = mean_of_four(one[i], beside[i], other[i], across[i]);
}
EFIQA_WIDE(halve, const Halving &)

constexpr int64_t kMostRows = 65535 / 255;  // of bytes, whose sums 16 bits hold

struct Adding {
    const uint8_t *row;
    int64_t length;
    uint16_t *sums;  // of up to kMostRows rows
};

[[gnu::always_inline]] inline void add_bytes_any(const Adding &job) {
    const uint8_t *__restrict row = job.row;
    uint16_t *__restrict sums = job.sums;
    const int64_t n = job.length;
    for (int64_t i = 0; i < n; ++i) sums[i] = static_cast<uint16_t>(sums[i] + row[i]);
}
EFIQA_WIDE(add_bytes, const Adding &)

struct Blocks {
    const uint16_t *values;
    int64_t number, side, apart;  // of blocks; of values in each; from one to the next
    uint32_t *sums;
};

void add_blocks(const Blocks &job) {
    const auto [values, number, side, apart, sums] = job;
    const uint16_t *__restrict value = values;
    for (int64_t block = 0; block < number; ++block) {
        uint32_t sum = 0;
        for (int64_t i = 0; i < side; ++i, value += apart) sum += *value;
        sums[block] += sum;
    }
}

// Two rows of YUV, and where half as many pixels go, of four bytes each: blue, green, red and nothing.
struct Decoding {
    const Yuv &yuv;
    const uint8_t *above, *below, *chroma;  // chroma of NV12
    int64_t pairs;
    uint8_t *out;
};

template <class Read>
[[gnu::always_inline]] inline void decode(const Decoding &job) {
    const Yuv yuv = job.yuv;
    const Read two_of{};
    const uint8_t *__restrict above = job.above, *__restrict below = job.below, *__restrict chroma = job.chroma;
    uint8_t *__restrict out = job.out;
    const int64_t n = job.pairs;
    for (int64_t i = 0; i < n; ++i) {
        const Two one = two_of(above, chroma, i), other = two_of(below, chroma, i);
        const int16_t lumas[4] = {luma_of(yuv, one.luma[0]), luma_of(yuv, one.luma[1]), luma_of(yuv, other.luma[0]),
                                  luma_of(yuv, other.luma[1])};
        const Chroma tint = chroma_of(yuv, one.u, one.v), tint_below = chroma_of(yuv, other.u, other.v);
        const auto two = static_cast<uint16_t>(halved_colour(lumas, tint.blue, tint_below.blue) |
                                               halved_colour(lumas, tint.green, tint_below.green) << 8);
        const uint32_t pixel = two | uint32_t{halved_colour(lumas, tint.red, tint_below.red)} << 16;
        std::memcpy(out + 4 * i, &pixel, sizeof pixel);
    }
}
[[gnu::always_inline]] inline void decode_nv12_any(const Decoding &job) { decode<TwoOfNv12>(job); }
[[gnu::always_inline]] inline void decode_yuyv_any(const Decoding &job) { decode<TwoOfYuyv>(job); }
EFIQA_WIDE(decode_nv12, const Decoding &)
EFIQA_WIDE(decode_yuyv, const Decoding &)

// The rows of a frame, reduced step by step.
class Steps {
public:
    Steps(const Source &source, int64_t factor)
        : source_(source), scratch_(source), apart_(source.planar || source.grey ? 1 : 3), length_(source.length),
          plane_(source.planar ? source.length / 3 : source.length) {
        if (source.planar && factor % 2 == 0) {
            factor /= 2, apart_ = 4, plane_ = length_ = source.frame.width / 2 * 4;
            decoded_ = make_rows();
        }
        for (; factor > 1 && factor % 2 == 0; factor /= 2) halvings_.push_back(make_rows());
        odd_ = factor;
        if (odd_ == 1) return;
        sums_.resize(static_cast<size_t>(length_));
    }

    // Row y of the reduced frame, `width` values of each channel.
    void row(int64_t y, int64_t width, const std::array<uint8_t *, 3> &out) {
        const size_t all = halvings_.size();
        const int64_t apart = apart_ << all;
        if (odd_ == 1) return pick(halved(all, y), width, apart, out);
        picks_.assign(static_cast<size_t>(3 * width), 0);
        for (int64_t from = 0; from < odd_; from += kMostRows) {
            std::fill(sums_.begin(), sums_.end(), uint16_t{0});
            for (int64_t i = from; i < std::min(odd_, from + kMostRows); ++i)
                add_bytes({halved(all, odd_ * y + i), length_, sums_.data()});
            for (int64_t channel = 0; channel < 3; ++channel)
                add_blocks({sums_.data() + channel * next_colour(), width, odd_, apart, picks_.data() + channel * width});
        }
        const float share = 1.0f / static_cast<float>(odd_ * odd_);
        const uint32_t *__restrict sums = picks_.data();
        for (uint8_t *__restrict to : out)
            for (int64_t x = 0; x < width; ++x) to[x] = mean_of_block(*sums++, share);
    }

private:
    using Pair = std::array<std::vector<uint8_t>, 2>;  // rows 2 y and 2 y + 1, which the next step reads together

    Pair make_rows() const {
        const std::vector<uint8_t> row(static_cast<size_t>(length_));
        return {row, row};
    }

    // From the first blue of a row to its first green.
    int64_t next_colour() const { return plane_ < length_ ? plane_ : source_.grey ? 0 : 1; }

    void pick(const uint8_t *from, int64_t width, int64_t apart, const std::array<uint8_t *, 3> &out) const {
        for (uint8_t *to : out) {
            for (int64_t x = 0; x < width; ++x) to[x] = from[x * apart];
            from += next_colour();
        }
    }

    const uint8_t *halved(size_t times, int64_t y) {
        if (times == 0) return decoded_[0].empty() ? row_of(source_, y, scratch_) : decoded(y);
        const uint8_t *one = halved(times - 1, 2 * y), *other = halved(times - 1, 2 * y + 1);
        uint8_t *out = halvings_[times - 1][static_cast<size_t>(y & 1)].data();
        halve({one, other, apart_ << (times - 1), length_, out});
        return out;
    }

    const uint8_t *decoded(int64_t y) {
        const efiqa_frame &frame = source_.frame;
        const uint8_t *one = frame.plane[0] + 2 * y * frame.stride[0], *other = one + frame.stride[0];
        uint8_t *out = decoded_[static_cast<size_t>(y & 1)].data();
        const bool packed = frame.format == EFIQA_YUYV;  // then nobody has looked at plane 1
        const uint8_t *chroma = packed ? nullptr : frame.plane[1] + y * frame.stride[1];
        const Decoding job{source_.yuv, one, other, chroma, length_ / 4, out};
        packed ? decode_yuyv(job) : decode_nv12(job);
        return out;
    }

    const Source &source_;
    Scratch scratch_;
    int64_t apart_, length_, plane_, odd_ = 1;
    Pair decoded_;  // colours of YUV, halved once; none of other formats, or where nothing is halved
    std::vector<Pair> halvings_;
    std::vector<uint16_t> sums_;
    std::vector<uint32_t> picks_;  // of a reduced row, before it is divided: at most 3083 x 3083 bytes each
};

using Channels = std::array<Picture, 3>;  // blue, green, red

Channels reduced_channels(const efiqa_frame &frame, int64_t factor, int64_t height, int64_t width) {
    const Source source = make_source(frame, 0, frame.width);
    Steps steps(source, factor);
    Channels out{Picture(height, width), Picture(height, width), Picture(height, width)};
    for (int64_t y = 0; y < height; ++y) steps.row(y, width, {out[0].row(y), out[1].row(y), out[2].row(y)});
    return out;
}

// The bright end of a channel and how far it is from its dark end; every seventh pixel tells.
void look_at(const Picture &channel, Reduced &found) {
    std::array<size_t, 256> counts{};
    size_t number = 0;
    for (size_t i = 0; i < channel.pixels.size(); i += 7, ++number) ++counts[channel.pixels[i]];
    const size_t few = number / 50;
    const auto value_of = [&](size_t place) {  // of all in order
        int value = 0;
        for (size_t seen = counts[0]; seen <= place; seen += counts[static_cast<size_t>(value)]) ++value;
        return value;
    };
    const int low = value_of(few), high = value_of(number - 1 - few);
    found.brightest = std::max(found.brightest, high), found.spread = std::max(found.spread, high - low);
}

// The brightest of the channels, averaged over 3 x 3 pixels; beyond the border it is mirrored.
Picture light_of(const Channels &channels) {
    const int64_t height = channels[0].height, width = channels[0].width;
    Picture light(height, width), out(height, width);
    for (size_t i = 0; i < light.pixels.size(); ++i)
        light.pixels[i] = brightness(channels[0].pixels[i], channels[1].pixels[i], channels[2].pixels[i]);
    std::vector<uint32_t> line(static_cast<size_t>(width) + 2);
    for (int64_t y = 0; y < height; ++y) {
        const uint8_t *above = light.row(mirrored(y - 1, height)), *at = light.row(y);
        const uint8_t *below = light.row(mirrored(y + 1, height));
        for (int64_t x = 0; x < width; ++x) line[static_cast<size_t>(x) + 1] = uint32_t{above[x]} + at[x] + below[x];
        line[0] = line[2], line[static_cast<size_t>(width) + 1] = line[static_cast<size_t>(width) - 1];
        for (size_t x = 0; x < static_cast<size_t>(width); ++x)
            out.row(y)[x] = mean_of_nine(line[x] + line[x + 1] + line[x + 2]);
    }
    return out;
}

}  // namespace

int64_t factor_of(int64_t longest) {
    const double ratio = static_cast<double>(longest) / kWorkSize;
    if (ratio > 3) return 2 * std::llrint(ratio / 2);
    return std::max<int64_t>(1, std::llrint(ratio));
}

Reduced reduce(const efiqa_frame &frame, int64_t factor) {
    const int64_t height = frame.height / factor, width = frame.width / factor;
    const Channels channels = reduced_channels(frame, factor, height, width);
    Reduced found{light_of(channels), 0, 0};
    for (const Picture &each : channels) look_at(each, found);
    return found;
}

}  // namespace efiqa
