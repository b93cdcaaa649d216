// A large even factor is taken in steps, 2 x 2 pixels at a time and then what is odd of it, as OpenCV does it fastest and
// edge/field/find.py does it: a frame of 1080 rows is halved, halved again and divided by three, rounded at each step.
// All of it happens in one pass over the rows. A step adds each value of a row to the one beside it, without moving
// anything: what it leaves lies farther apart, with nothing of use between. So all loops run over neighbours, whatever
// the number of channels, and only the last picture, which is small, is picked from its places.
//
// Of YUV the planes are averaged, and what is left is turned into colours, where the factor is even.
#include "reduce.h"

#include <algorithm>
#include <array>
#include <cmath>
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

struct Adding {
    const uint8_t *row;
    int64_t length;
    uint16_t *sums;  // of up to 256 rows
};

[[gnu::always_inline]] inline void add_bytes_any(const Adding &job) {
    const uint8_t *__restrict row = job.row;
    uint16_t *__restrict sums = job.sums;
    const int64_t n = job.length;
    for (int64_t i = 0; i < n; ++i) sums[i] = static_cast<uint16_t>(sums[i] + row[i]);
}
EFIQA_WIDE(add_bytes, const Adding &)

// Adds rows up, which `row_of` yields by number, and hands the sums to `use`: more than once where 16 bits hold no more.
template <class Rows, class Use>
void sum_rows(int64_t rows, std::vector<uint16_t> &sums, const Rows &row_of, const Use &use) {
    constexpr int64_t most = 65535 / 255;
    for (int64_t from = 0; from < rows; from += most) {
        std::fill(sums.begin(), sums.end(), uint16_t{0});
        for (int64_t y = from; y < std::min(rows, from + most); ++y)
            add_bytes({row_of(y), static_cast<int64_t>(sums.size()), sums.data()});
        use(sums.data());
    }
}

// The sum of some values, so far apart.
int64_t sum_of(const uint16_t *values, int64_t number, int64_t apart) {
    int64_t sum = 0;
    for (int64_t i = 0; i < number; ++i) sum += values[i * apart];
    return sum;
}

// The rows of a frame, reduced step by step.
class Steps {
public:
    Steps(const Source &source, int64_t factor)
        : source_(source), scratch_(source), apart_(source.planar || source.grey ? 1 : 3) {
        for (; factor > 1 && factor % 2 == 0; factor /= 2) halvings_.push_back(make_rows());
        odd_ = factor;
        if (odd_ == 1) return;
        last_.resize(static_cast<size_t>(source.length)), sums_.resize(last_.size()), totals_.resize(last_.size());
    }

    // Row y of the reduced frame. Its values lie `factor * apart` from one another.
    const uint8_t *row(int64_t y) {
        const size_t all = halvings_.size();
        if (odd_ == 1) return halved(all, y);
        const int64_t apart = apart_ << all;
        each_block(odd_ * apart, [&](size_t at) { totals_[at] = 0; });
        const auto rows = [&](int64_t i) { return halved(all, odd_ * y + i); };
        sum_rows(odd_, sums_, rows, [&](const uint16_t *sums) {
            each_block(odd_ * apart, [&](size_t at) { totals_[at] += sum_of(sums + at, odd_, apart); });
        });
        const float share = 1.0f / static_cast<float>(odd_ * odd_);
        each_block(odd_ * apart, [&](size_t at) { last_[at] = mean_of_block(totals_[at], share); });
        return last_.data();
    }

private:
    using Pair = std::array<std::vector<uint8_t>, 2>;  // rows 2 y and 2 y + 1, which the next step reads together

    Pair make_rows() const {
        const std::vector<uint8_t> row(static_cast<size_t>(source_.length));
        return {row, row};
    }

    // Where the values of each whole block begin.
    template <class Do>
    void each_block(int64_t length, const Do &act) const {
        const int64_t plane = source_.planar ? source_.length / 3 : source_.length;
        for (int64_t first = 0; first < source_.length; first += plane)
            for (int64_t block = first; block + length <= first + plane; block += length)
                for (int64_t value = block; value < block + apart_; ++value) act(static_cast<size_t>(value));
    }

    const uint8_t *halved(size_t times, int64_t y) {
        if (times == 0) return row_of(source_, y, scratch_);
        const uint8_t *one = halved(times - 1, 2 * y), *other = halved(times - 1, 2 * y + 1);
        uint8_t *out = halvings_[times - 1][static_cast<size_t>(y & 1)].data();
        halve({one, other, apart_ << (times - 1), source_.length, out});
        return out;
    }

    const Source &source_;
    Scratch scratch_;
    int64_t apart_, odd_ = 1;
    std::vector<Pair> halvings_;
    std::vector<uint8_t> last_;
    std::vector<uint16_t> sums_;
    std::vector<int64_t> totals_;
};

using Channels = std::array<Picture, 3>;  // blue, green, red

Channels reduced_colours(const efiqa_frame &frame, int64_t factor, int64_t height, int64_t width) {
    const Source source = make_source(frame, 0, frame.width);
    Steps steps(source, factor);
    Channels out{Picture(height, width), Picture(height, width), Picture(height, width)};
    const int64_t apart = factor * (source.planar || source.grey ? 1 : 3);
    for (int64_t y = 0; y < height; ++y) {
        const uint8_t *row = steps.row(y);
        for (int64_t channel = 0; channel < 3; ++channel) {
            const uint8_t *from = row + (source.planar ? channel * (source.length / 3) : source.grey ? 0 : channel);
            uint8_t *to = out[static_cast<size_t>(channel)].row(y);
            for (int64_t x = 0; x < width; ++x) to[x] = from[x * apart];
        }
    }
    return out;
}

// The means of Y, U and V over whole blocks, as colours.
Channels reduced_yuv(const efiqa_frame &frame, int64_t factor, int64_t height, int64_t width) {
    const bool packed = frame.format == EFIQA_YUYV;
    const Yuv &yuv = kYuv[frame.matrix][frame.range];
    const int64_t pairs = factor / 2, pair_rows = packed ? factor : pairs;  // of colour in a block
    const int64_t apart = packed ? 2 : 1;                                   // bytes from luma to luma
    const float share = 1.0f / static_cast<float>(factor * factor), pair_share = 1.0f / static_cast<float>(pairs * pair_rows);
    std::vector<uint16_t> sums(static_cast<size_t>(width * factor * apart)), pair_sums(packed ? 0 : sums.size());
    std::vector<std::array<int64_t, 3>> totals(static_cast<size_t>(width));  // Y, U, V
    Channels out{Picture(height, width), Picture(height, width), Picture(height, width)};
    const auto rows_of = [&](int plane, int64_t first) {
        return [&frame, plane, first](int64_t i) { return frame.plane[plane] + (first + i) * frame.stride[plane]; };
    };
    const auto add_pairs = [&](const uint16_t *u, int64_t step) {  // V is `apart` bytes on
        for (int64_t x = 0; x < width; ++x, u += pairs * step)
            for (size_t c = 1; c < 3; ++c)
                totals[static_cast<size_t>(x)][c] += sum_of(u + (c == 1 ? 0 : apart), pairs, step);
    };
    for (int64_t y = 0; y < height; ++y) {
        std::fill(totals.begin(), totals.end(), std::array<int64_t, 3>{});
        sum_rows(factor, sums, rows_of(0, factor * y), [&](const uint16_t *lumas) {
            for (int64_t x = 0; x < width; ++x)
                totals[static_cast<size_t>(x)][0] += sum_of(lumas + x * factor * apart, factor, apart);
            if (packed) add_pairs(lumas + 1, 4);
        });
        if (!packed) sum_rows(pairs, pair_sums, rows_of(1, pairs * y), [&](const uint16_t *us) { add_pairs(us, 2); });
        for (int64_t x = 0; x < width; ++x) {
            const auto &[luma, u, v] = totals[static_cast<size_t>(x)];
            const int32_t light = luma_of(yuv, mean_of_block(luma, share));
            const Chroma chroma = chroma_of(yuv, mean_of_block(u, pair_share), mean_of_block(v, pair_share));
            out[0].row(y)[x] = colour(light, chroma.blue);
            out[1].row(y)[x] = colour(light, chroma.green);
            out[2].row(y)[x] = colour(light, chroma.red);
        }
    }
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
    const bool yuv = frame.format == EFIQA_YUYV || frame.format == EFIQA_NV12;
    const Channels channels = yuv && factor % 2 == 0 ? reduced_yuv(frame, factor, height, width)
                                                     : reduced_colours(frame, factor, height, width);
    Reduced found{light_of(channels), 0, 0};
    for (const Picture &each : channels) look_at(each, found);
    return found;
}

}  // namespace efiqa
