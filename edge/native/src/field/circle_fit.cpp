#include "circle_fit.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "picks.h"

namespace efiqa {
namespace {

constexpr double kSteps[] = {-7, -3, 3, 7};  // where sharpness looks, in pixels outwards of an outline
constexpr double kOutermost = 8;             // and steepness
constexpr double kUnseen = 8;  // sharpness of an outline whose rim is not in the frame: as a faint rim, more than no rim
constexpr int kCompass = 96;

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const size_t n = values.size();
    return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

// The circle through three points that most of the jury, every second point, is near to.
std::optional<Circle> elected(const Points &points, const std::vector<double> &weights) {
    std::optional<Circle> best;
    double least = kInfinite;
    const auto number = static_cast<double>(points.size());
    for (const auto &pick : kPicks) {
        const Point &a = points[static_cast<size_t>(pick[0] * number)], &b = points[static_cast<size_t>(pick[1] * number)],
                    &c = points[static_cast<size_t>(pick[2] * number)];
        const Point ab{b.x - a.x, b.y - a.y}, ac{c.x - a.x, c.y - a.y};
        const double twice_area = 2 * (ab.x * ac.y - ab.y * ac.x);
        if (!(std::abs(twice_area) > 40)) continue;
        const double ab2 = ab.x * ab.x + ab.y * ab.y, ac2 = ac.x * ac.x + ac.y * ac.y;
        const double dx = (ac.y * ab2 - ab.y * ac2) / twice_area, dy = (ab.x * ac2 - ac.x * ab2) / twice_area;
        const Circle circle{a.x + dx, a.y + dy, length_of(dx, dy)};
        double lost = 0;
        for (size_t i = 0; i < points.size(); i += 2) {
            const double right = points[i].x - circle.x, down = points[i].y - circle.y;
            lost += weights[i] * std::min(std::abs(std::sqrt(right * right + down * down) - circle.radius), 4.0);
        }
        if (lost < least) least = lost, best = circle;
    }
    return best;
}

bool lies_on(const Point &point, const Circle &circle, double slack) { return std::abs(off(point, circle)) < slack; }

// The circle that the points near another one lie on best.
std::optional<Circle> refined(const Points &points, const Circle &circle, double slack) {
    Points near;
    for (const Point &each : points)
        if (lies_on(each, circle, slack)) near.push_back(each);
    if (near.size() < 8) return std::nullopt;
    const Point middle = middle_of(near);
    Equations<3> equations;
    for (const Point &each : near) {
        const double x = each.x - middle.x, y = each.y - middle.y;
        equations.add({2 * x, 2 * y, 1}, x * x + y * y);
    }
    std::array<double, 3> found;
    if (!equations.solve(found)) return std::nullopt;  // all on one line
    const auto [dx, dy, rest] = found;
    return Circle{middle.x + dx, middle.y + dy, std::sqrt(std::max(rest + dx * dx + dy * dy, 0.0))};
}

}  // namespace

Points resampled(const Points &polygon, double spacing) {
    Points out;
    double begin = 0, next = 0;
    for (size_t i = 0; i < polygon.size(); ++i) {
        const Point &one = polygon[i], &other = polygon[(i + 1) % polygon.size()];
        const double length = length_of(other.x - one.x, other.y - one.y), end = begin + length;
        for (; next < end; next = spacing * static_cast<double>(out.size())) {
            const double along = next - begin;
            out.push_back({(other.x - one.x) / length * along + one.x, (other.y - one.y) / length * along + one.y});
        }
        begin = end;
    }
    return out;
}

std::optional<Fit> fit_circle(const Points &points, const std::vector<double> &weights) {
    if (points.size() < 12) return std::nullopt;
    std::optional<Circle> circle = elected(points, weights);
    for (const double slack : {2.0, 1.5})
        if (circle) circle = refined(points, *circle, slack);
    if (!circle) return std::nullopt;
    double on = 0, all = 0;
    for (size_t i = 0; i < points.size(); ++i) {
        all += weights[i];
        if (lies_on(points[i], *circle, 1.5)) on += weights[i];
    }
    return Fit{*circle, on / all};
}

Points circle_points(const Circle &circle, const Box &box) {
    static const auto compass = [] {
        std::array<Point, kCompass> all{};
        for (int i = 0; i < kCompass; ++i) all[static_cast<size_t>(i)] = {std::cos(i * (2 * kPi / kCompass)), std::sin(i * (2 * kPi / kCompass))};
        return all;
    }();
    Points points;
    for (const Point &each : compass) {
        const Point point{circle.x + circle.radius * each.x, circle.y + circle.radius * each.y};
        if (point.x >= box[0] && point.y >= box[1] && point.x <= box[2] && point.y <= box[3]) points.push_back(point);
    }
    return points;
}

std::vector<double> sharpness_along(const View &brightness, const Points &outline, const Point &centre) {
    std::vector<double> found;
    found.reserve(outline.size());
    const auto width = static_cast<float>(brightness.width), height = static_cast<float>(brightness.height);
    for (const Point &point : outline) {
        const double length = std::max(length_of(point.x - centre.x, point.y - centre.y), 1e-6);
        const Point ray{(point.x - centre.x) / length, (point.y - centre.y) / length};
        float x[4], y[4];
        int grey[4];
        for (int i = 0; i < 4; ++i) {
            x[i] = static_cast<float>(point.x + kSteps[i] * ray.x), y[i] = static_cast<float>(point.y + kSteps[i] * ray.y);
            grey[i] = nearest(brightness, x[i], y[i]);
        }
        if (!(x[2] > -0.5f && y[2] > -0.5f && x[2] < width - 0.5f && y[2] < height - 0.5f)) {
            found.push_back(std::nan(""));
            continue;
        }
        const int near = grey[1] - grey[2], far = grey[0] - grey[3];
        const int third = near >= 0 ? near / 3 : -((2 - near) / 3);  // rounded down
        found.push_back(std::clamp(std::max(2 * near - std::max(far, near), third), -60, 60));
    }
    return found;
}

double mean_sharpness(const View &brightness, const Points &outline, const Point &centre) {
    if (outline.size() < 8) return 0;
    double sum = 0;
    int seen = 0;
    for (const double each : sharpness_along(brightness, outline, centre))
        if (!std::isnan(each)) sum += each, ++seen;
    return seen >= 4 ? std::max(sum / seen, 0.0) + 1 : kUnseen;
}

std::optional<double> steepness(const View &brightness, const Points &points, const Points &rays, double least,
                                double from) {
    const auto steps = static_cast<size_t>(kOutermost - from) + 1;
    std::vector<int> grey(steps);
    std::vector<double> shares;
    int seen = 0;
    for (size_t i = 0; i < points.size(); ++i) {
        if (!in_frame(brightness, points[i].x + 6 * rays[i].x, points[i].y + 6 * rays[i].y)) continue;
        ++seen;
        for (size_t k = 0; k < steps; ++k) grey[k] = linear(brightness, points[i], rays[i], from + static_cast<double>(k));
        int steepest = 0;
        for (size_t k = 4; k + 3 < steps; ++k) steepest = std::max(steepest, grey[k] - grey[k + 3]);
        std::nth_element(grey.begin(), grey.begin() + 3, grey.begin() + 7);  // medians of the innermost and outermost
        std::nth_element(grey.end() - 5, grey.end() - 3, grey.end());
        const int fall = grey[3] - grey[steps - 3];
        if (fall > least) shares.push_back(static_cast<double>(steepest) / fall);
    }
    if (seen < 6 || shares.size() <= 3) return std::nullopt;
    return median(std::move(shares));
}

std::vector<Row> raster(const Outline &outline, int64_t height, int64_t width) {
    if (outline.whole) return std::vector<Row>(static_cast<size_t>(height), {0, width});
    std::vector<Row> rows(static_cast<size_t>(height), {0, 0});
    const int64_t x = std::llrint(outline.circle.x), y = std::llrint(outline.circle.y);
    const auto fill = [&](int64_t row, int64_t half) {
        if (row < 0 || row >= height) return;
        const Row wider{std::max<int64_t>(x - half, 0), std::min(x + half + 1, width)};
        Row &at = rows[static_cast<size_t>(row)];
        if (wider.length() > at.length()) at = wider;
    };
    // As OpenCV draws a circle: an eighth of it, pixel by pixel, and what mirrors that.
    int64_t error = 0, dx = std::llrint(outline.circle.radius), plus = 1, minus = 2 * dx - 1;
    for (int64_t dy = 0; dx >= dy; ++dy) {
        fill(y - dy, dx), fill(y + dy, dx), fill(y - dx, dy), fill(y + dx, dy);
        error += plus, plus += 2;
        if (error > 0) error -= minus, --dx, minus -= 2;
    }
    return rows;
}

double area_of(const std::vector<Row> &rows) {
    int64_t sum = 0;
    for (const Row &each : rows) sum += each.length();
    return static_cast<double>(sum);
}

}  // namespace efiqa
