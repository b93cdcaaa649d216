#include <algorithm>
#include <cmath>
#include <vector>

#include "picture.h"
#include "taps.h"

namespace efiqa {
namespace {

// Where OpenCV enlarges by "areas": a pixel of the source, and a part of the next one where the border lies within.
Taps enlarging(int64_t side, int64_t size) {
    Taps taps{{}, {}, 0, side};
    const double scale = static_cast<double>(side) / static_cast<double>(size);
    for (int64_t i = 0; i < size; ++i) {
        const auto first = std::min(static_cast<int64_t>(std::floor(static_cast<double>(i) * scale)), side - 1);
        auto share = static_cast<float>(static_cast<double>(i + 1) - static_cast<double>(first + 1) / scale);
        share = share <= 0 || first + 1 >= side ? 0.0f : share - std::floor(share);
        const auto begin = static_cast<int64_t>(taps.weights.size());
        taps.weights.push_back(1 - share);
        if (share > 0) taps.weights.push_back(share);
        taps.of.push_back({first, begin, static_cast<int64_t>(taps.weights.size())});
    }
    return taps;
}

}  // namespace

Picture resized(const View &picture, int64_t height, int64_t width) {
    const bool shrinks = height <= picture.height && width <= picture.width;
    const auto taps_of = [&](int64_t side, int64_t size) {
        return shrinks ? make_taps(0, side, size, side) : enlarging(side, size);
    };
    const Taps rows = taps_of(picture.height, height), columns = taps_of(picture.width, width);
    Picture out(height, width);
    std::vector<float> sum(static_cast<size_t>(picture.width));
    for (int64_t y = 0; y < height; ++y) {
        const Tap &down = rows.of[static_cast<size_t>(y)];
        std::fill(sum.begin(), sum.end(), 0.0f);
        for (int64_t t = down.begin; t < down.end; ++t)
            for (int64_t x = 0; x < picture.width; ++x) {
                const auto value = static_cast<float>(picture.at(down.first + t - down.begin, x));
                float &into = sum[static_cast<size_t>(x)];
                into = add(into, rows.weights[static_cast<size_t>(t)], value);
            }
        for (int64_t x = 0; x < width; ++x) {
            const Tap &tap = columns.of[static_cast<size_t>(x)];
            const float value = across<float>(tap, columns.weights.data(), sum.data() + tap.first, 1);
            out.row(y)[x] = static_cast<uint8_t>(static_cast<int32_t>(whole(value)));
        }
    }
    return out;
}

}  // namespace efiqa
