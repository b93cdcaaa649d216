// Straight sides of a field of view: where the sensor, a letterbox or a printer's frame cuts the disc off.
#pragma once

#include <optional>
#include <vector>

#include "picture.h"
#include "shapes.h"

namespace efiqa {

struct Sides {
    Box box;
    std::vector<bool> on_side;  // for each point whether it lies on such a side, or on the border of the frame
};

// Straight level or upright sides of an outline, and the box that they leave.
Sides straight_sides(const Points &hull, const View &brightness);

// The box by what the picture shows, once the circle is known. An outline has straight sides by chance, where a shadow
// makes it end early, and lacks those that stray light bridges. Across a true cut, brightness falls at once and nearly
// along the whole line. `keep`: a side of the outline, where no cut is seen.
Box true_cuts(const View &brightness, const Circle &circle, const Box &box, bool keep);

// The circle that cuts the corners of a rectangle off; none where fewer than three are dark.
std::optional<Circle> cut_corners(const View &brightness, const Box &box);

}  // namespace efiqa
