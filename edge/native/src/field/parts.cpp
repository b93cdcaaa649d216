#include "parts.h"

#include <array>
#include <cfloat>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace efiqa {
namespace {

constexpr int64_t kReach = 2;  // of the opening

template <class Choose>
void choose_around(const uint8_t *const *rows, int64_t n, const Choose &choose, uint8_t *__restrict line, uint8_t *out) {
    for (int64_t x = 0; x < n; ++x) {
        uint8_t value = rows[0][x];
        for (int64_t i = 1; i <= 2 * kReach; ++i) value = choose(value, rows[i][x]);
        line[x + kReach] = value;
    }
    for (int64_t i = 0; i < kReach; ++i) line[i] = line[kReach], line[n + kReach + i] = line[n + kReach - 1];
    for (int64_t x = 0; x < n; ++x) {
        uint8_t value = line[x];
        for (int64_t i = 1; i <= 2 * kReach; ++i) value = choose(value, line[x + i]);
        out[x] = value;
    }
}

// The least or the most of the 5 x 5 pixels around each; what lies beyond the border counts for nothing.
template <class Choose>
Picture chosen(const View &picture, const Choose &choose) {
    Picture out(picture.height, picture.width);
    std::vector<uint8_t> line(static_cast<size_t>(picture.width + 2 * kReach));
    for (int64_t y = 0; y < picture.height; ++y) {
        const uint8_t *rows[2 * kReach + 1];
        for (int64_t i = -kReach; i <= kReach; ++i)
            rows[i + kReach] = picture.first + std::clamp<int64_t>(y + i, 0, picture.height - 1) * picture.down;
        choose_around(rows, picture.width, choose, line.data(), out.row(y));
    }
    return out;
}

// What is brighter than a level, with a border of nothing around it, and what its outlines leave there.
struct Parts {
    static constexpr int8_t kBright = 1, kOutline = 2, kRightEnd = -2;  // of an outline, with nothing to its right

    int64_t height, width, step;
    std::vector<int8_t> marks;
    std::array<int64_t, 16> ways;  // to the eight neighbours, twice: right, up and right, up, ...

    Parts(const Picture &picture, int level)
        : height(picture.height), width(picture.width), step(width + 2),
          marks(static_cast<size_t>(step) * static_cast<size_t>(height + 2)) {
        for (int64_t y = 0; y < height; ++y)
            for (int64_t x = 0; x < width; ++x)
                marks[static_cast<size_t>((y + 1) * step + x + 1)] =
                    picture.pixels[static_cast<size_t>(y * width + x)] > level ? kBright : int8_t{0};
        const int64_t around[8] = {1, 1 - step, -step, -1 - step, -1, step - 1, step, step + 1};
        for (size_t i = 0; i < 16; ++i) ways[i] = around[i % 8];
    }
};

constexpr int64_t kRight[8] = {1, 1, 0, -1, -1, -1, 0, 1}, kDown[8] = {0, -1, -1, -1, 0, 1, 1, 1};  // of the ways

struct Span {
    int64_t left, right;
};

// The outline of one part: its area, and how far it reaches in each of its rows.
struct Part {
    double area = 0;
    int64_t top = 0;
    std::vector<Span> spans;
};

// Follow the outline of a part from its first pixel, and mark it (Suzuki and Abe 1985, as OpenCV does it).
Part follow(Parts &parts, int64_t start) {
    Part part;
    part.top = start / parts.step;
    int8_t *marks = parts.marks.data();
    int64_t twice_area = 0;
    int64_t x = start % parts.step, y = part.top;  // of the point at hand; to divide for each takes longer than the rest
    const auto take = [&](int64_t right, int64_t down) {
        const int64_t row = y - part.top;
        if (row == static_cast<int64_t>(part.spans.size())) part.spans.push_back({x, x});
        Span &span = part.spans[static_cast<size_t>(row)];
        span.left = std::min(span.left, x), span.right = std::max(span.right, x);
        twice_area += x * down - y * right;
        x += right, y += down;
    };
    size_t way = 4;  // the pixel to the left is none of the part
    do way = (way - 1) & 7;
    while (marks[start + parts.ways[way]] == 0 && way != 4);
    if (way == 4) {
        take(0, 0), marks[start] = Parts::kRightEnd;
        return part;
    }
    const int64_t last = start + parts.ways[way];
    for (int64_t at = start;;) {
        const size_t from = way;
        int64_t next = at;
        while (way < 15) {
            next = at + parts.ways[++way];
            if (marks[next] != 0) break;
        }
        way &= 7;
        if (way - 1 < from)  // unsigned: the pixel to the right was looked at, and is none of the part
            marks[at] = Parts::kRightEnd;
        else if (marks[at] == Parts::kBright)
            marks[at] = Parts::kOutline;
        take(kRight[way], kDown[way]);
        if (next == start && at == last) break;
        at = next, way = (way + 4) & 7;
    }
    part.area = static_cast<double>(std::abs(twice_area)) / 2;
    return part;
}

// The first mark from here to the end that is another; of those alike eight are passed at once.
int64_t first_other(const int8_t *marks, int64_t at, int64_t end, int8_t mark) {
    const uint64_t alike = 0x0101010101010101u * static_cast<uint8_t>(mark);
    for (uint64_t some = alike; at + 8 <= end; at += 8) {
        std::memcpy(&some, marks + at, sizeof some);
        if (some != alike) break;
    }
    while (at < end && marks[at] == mark) ++at;
    return at;
}

// The part with the largest area of those that lie in no other; of equals the last.
Part largest(Parts &parts) {
    Part best;
    for (int64_t y = 1; y <= parts.height; ++y) {
        int8_t before = 0, border = 0;  // the pixel to the left, and the last outline on the way
        const int64_t end = (y + 1) * parts.step;
        for (int64_t at = y * parts.step + 1; (at = first_other(parts.marks.data(), at, end, before)) < end; ++at) {
            if (before == 0 && parts.marks[static_cast<size_t>(at)] == Parts::kBright && border <= 0) {
                Part part = follow(parts, at);
                if (best.spans.empty() || part.area >= best.area) best = std::move(part);
            }
            before = parts.marks[static_cast<size_t>(at)];
            if (before == Parts::kOutline || before == Parts::kRightEnd) border = before;
        }
    }
    return best;
}

// Keep the corners of a chain whose end a new point makes.
void turn(Points &chain, const Point &next, double side) {
    while (chain.size() > 1) {
        const Point &a = chain[chain.size() - 2], &b = chain.back();
        if (side * ((b.x - a.x) * (next.y - a.y) - (b.y - a.y) * (next.x - a.x)) > 0) break;
        chain.pop_back();
    }
    chain.push_back(next);
}

// The corners around the spans of a part, to the right first; the upper left one comes last.
Points hull_of(const Part &part) {
    Points left, right;
    for (size_t row = 0; row < part.spans.size(); ++row) {
        const auto y = static_cast<double>(part.top - 1 + static_cast<int64_t>(row));  // without the border of nothing
        turn(left, {static_cast<double>(part.spans[row].left - 1), y}, -1);
        turn(right, {static_cast<double>(part.spans[row].right - 1), y}, 1);
    }
    const auto same = [](const Point &a, const Point &b) { return a.x == b.x && a.y == b.y; };
    Points hull(right.begin() + (same(left.front(), right.front()) ? 1 : 0), right.end());
    if (!same(left.back(), right.back())) hull.push_back(left.back());
    for (size_t i = left.size() - 1; i-- > 0;) hull.push_back(left[i]);
    return hull;
}

}  // namespace

Picture opened(const View &picture) {
    const Picture less = chosen(picture, [](uint8_t a, uint8_t b) { return a < b ? a : b; });
    return chosen(less.view(), [](uint8_t a, uint8_t b) { return a > b ? a : b; });
}

std::optional<Points> largest_part(const Picture &opened, int level, double smallest) {
    Parts parts(opened, level);
    const Part part = largest(parts);
    if (part.spans.empty() || part.area < smallest) return std::nullopt;
    return hull_of(part);
}

double area_of(const Points &polygon) {
    double twice = 0;
    for (size_t i = 0; i < polygon.size(); ++i) {
        const Point &one = polygon[i], &next = polygon[(i + 1) % polygon.size()];
        twice += one.x * next.y - one.y * next.x;
    }
    return std::abs(twice) / 2;
}

int parting_level(const View &picture) {
    std::array<double, 256> counts{};
    for (int64_t y = 0; y < picture.height; ++y)
        for (int64_t x = 0; x < picture.width; ++x) ++counts[picture.at(y, x)];
    const auto number = static_cast<double>(picture.size());
    double mean = 0;
    for (int i = 0; i < 256; ++i) mean += i * counts[static_cast<size_t>(i)] / number;
    double dark = 0, dark_mean = 0, most = 0;  // share and mean of what is not brighter
    int best = 0;
    for (int i = 0; i < 256; ++i) {
        const double share = counts[static_cast<size_t>(i)] / number;
        dark_mean *= dark, dark += share;
        const double bright = 1 - dark;
        if (std::min(dark, bright) < FLT_EPSILON) continue;
        dark_mean = (dark_mean + i * share) / dark;
        const double apart = dark_mean - (mean - dark * dark_mean) / bright;
        if (dark * bright * apart * apart > most) most = dark * bright * apart * apart, best = i;
    }
    return best;
}

}  // namespace efiqa
