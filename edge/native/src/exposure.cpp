// Where light alone has taken the picture: see edge/frame/exposure.py.
#include "exposure.h"

#include <algorithm>
#include <vector>

#include "check.h"
#include "efiqa_edge.h"
#include "guard.h"
#include "quantile.h"

namespace efiqa {
namespace {

using Values = std::vector<float>;

constexpr double kGreenEnd = 248, kRedEnd = 250, kGreenHigh = 150;  // grey values of a cell's mean
constexpr double kLeastRed = 200, kLeastGreen = 170;  // below them the bright end of a channel is no white
constexpr double kPlateau = 4;                         // below its bright end within which a channel is at it
constexpr double kAllRed = 0.85, kGreenHighInRed = 100;  // where red is at its end all over, which no camera chooses
constexpr double kLeastBurnt = 0.10, kLeastDrowned = 0.10;  // share of the field
constexpr double kDrowned = 0.15;  // of the bright end: a vessel there is one or two grey values deep
constexpr double kBlack = 3;       // grey values below which nothing is seen

double end_of(const Values &channel, double white, double least) {
    const double end = quantile(channel, 0.99);
    return end >= least ? std::min(white, end - kPlateau) : white;
}

// From where on the cells of this field are burnt.
Burnt burnt_from(const Values &red, const Values &green) {
    const auto red_end = static_cast<float>(end_of(red, kRedEnd, kLeastRed));
    const auto at_end = std::count_if(red.begin(), red.end(), [=](float value) { return value >= red_end; });
    const bool all = static_cast<double>(at_end) >= kAllRed * static_cast<double>(red.size());
    const double white = std::min(static_cast<double>(quantile(red, 0.99)) / 255, 1.0);
    return {red_end, static_cast<float>(end_of(green, kGreenEnd, kLeastGreen)),
            static_cast<float>((all ? kGreenHighInRed : kGreenHigh) * white)};
}

// Below which the brightest channel of a cell is drowned; a sliver of light is light too.
float drowned_below(const Values &top) {
    const double most = *std::max_element(top.begin(), top.end());
    const double bright = std::max(static_cast<double>(quantile(top, 0.95)), 0.6 * most);
    return static_cast<float>(std::max(kDrowned * bright, kBlack));
}

// The least or the greatest of the 3 x 3 around each cell, of those on the grid.
std::vector<uint8_t> of_nine(const std::vector<uint8_t> &cells, int64_t grid, bool greatest) {
    std::vector<uint8_t> out(cells.size());
    for (int64_t y = 0; y < grid; ++y)
        for (int64_t x = 0; x < grid; ++x) {
            uint8_t found = cells[static_cast<size_t>(y * grid + x)];
            for (int64_t i = std::max<int64_t>(y - 1, 0); i <= std::min(y + 1, grid - 1); ++i)
                for (int64_t j = std::max<int64_t>(x - 1, 0); j <= std::min(x + 1, grid - 1); ++j) {
                    const uint8_t value = cells[static_cast<size_t>(i * grid + j)];
                    found = greatest ? std::max(found, value) : std::min(found, value);
                }
            out[static_cast<size_t>(y * grid + x)] = found;
        }
    return out;
}

// How many cells are left of pieces wide enough.
int64_t in_pieces(const std::vector<uint8_t> &cells, int64_t grid) {
    const std::vector<uint8_t> opened = of_nine(of_nine(cells, grid, false), grid, true);
    return std::count(opened.begin(), opened.end(), uint8_t{1});
}

void find_lost(const efiqa_light &light, const uint8_t *field, uint8_t *lost) {
    const int64_t grid = light.grid;
    Values red, green, top;
    for (int64_t i = 0; i < grid * grid; ++i) {
        lost[i] = 0;
        if (field[i] == 0) continue;
        red.push_back(light.red[i]), green.push_back(light.green[i]);
        top.push_back(std::max({light.red[i], light.green[i], light.blue[i]}));
    }
    if (red.empty()) return;
    const auto number = static_cast<double>(red.size());
    const Burnt burnt = burnt_from(red, green);
    const float below = drowned_below(top);
    int64_t burnt_cells = 0, drowned_cells = 0;
    for (size_t n = 0; n < red.size(); ++n)
        burnt_cells += is_burnt(burnt, red[n], green[n]), drowned_cells += top[n] < below;
    const bool many = static_cast<double>(burnt_cells) > kLeastBurnt * number;
    std::vector<uint8_t> dark(static_cast<size_t>(grid * grid));
    if (static_cast<double>(drowned_cells) > kLeastDrowned * number) {
        for (int64_t i = 0, n = 0; i < grid * grid; ++i)
            if (field[i] != 0) dark[static_cast<size_t>(i)] = top[static_cast<size_t>(n++)] < below;
        if (static_cast<double>(in_pieces(dark, grid)) <= kLeastDrowned * number) std::fill(dark.begin(), dark.end(), 0);
    }
    for (int64_t i = 0; i < grid * grid; ++i) {
        const bool white = many && field[i] != 0 && is_burnt(burnt, light.red[i], light.green[i]);
        lost[i] = white || dark[static_cast<size_t>(i)] != 0;
    }
}

}  // namespace
}  // namespace efiqa

efiqa_status efiqa_lost_to_light(const efiqa_light *light, const uint8_t *field, uint64_t field_size, uint8_t *lost,
                                 uint64_t lost_size) noexcept {
    if (field == nullptr || lost == nullptr) return EFIQA_NULL_POINTER;
    const efiqa_status found = efiqa::check_colours(light);
    if (found != EFIQA_OK) return found;
    const uint64_t cells = static_cast<uint64_t>(light->grid) * static_cast<uint64_t>(light->grid);
    if (field_size < cells || lost_size < cells) return EFIQA_SHORT_BUFFER;
    return efiqa::guarded([&] {
        efiqa::find_lost(*light, field, lost);
        return EFIQA_OK;
    });
}
