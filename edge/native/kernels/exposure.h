// Whether light alone has taken a cell; see edge/frame/exposure.py.
#pragma once

#include "base.h"

namespace efiqa {

// Grey values from which a cell is burnt: at the end of red or green, and green that goes with the end of red.
struct Burnt {
    float red, green, high;
};

EFIQA_FN bool is_burnt(const Burnt &from, float red, float green) {
    return green >= from.green || (red >= from.red && green >= from.high);
}

}  // namespace efiqa
