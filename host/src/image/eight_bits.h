// Pictures of other depths than 8 bits.
#pragma once

#include <filesystem>
#include <opencv2/core.hpp>

namespace attune {

// The picture with samples of 8 bits. Integers are taken to have 8, 12, 16 or 32 bits: the fewest that hold the
// greatest of them, as files store 8 and 12 bits in 16 without saying so. Floating-point samples go from 0 to 1 or,
// when one is greater, from 0 to 255; in `light` (a format of high dynamic range) what is brighter than 1 is white.
// Throws Error(Fault::input) for negative samples, for those outside of these ranges, NaN and infinity.
cv::Mat to_eight_bits(const std::filesystem::path& path, const cv::Mat& picture, bool light);

}  // namespace attune
