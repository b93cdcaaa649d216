// Smoothing of small grids, as OpenCV defines it.
#pragma once

#include <cstdint>
#include <vector>

namespace efiqa {

// Weights of a Gaussian, reach * 2 + 1 of them, of a sum of 1.
std::vector<float> gaussian(double sigma, int64_t reach);

// Rows and columns of a grid of height * width floats weighed and added, columns first; beyond the rim it is mirrored.
std::vector<float> filtered(const std::vector<float> &grid, int64_t height, int64_t width,
                            const std::vector<float> &weights);

}  // namespace efiqa
