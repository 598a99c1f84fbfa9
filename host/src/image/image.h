// Pictures in and out.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace attune {

// uint8 RGB [H,W,3], contiguous, on the CPU.
using Image = at::Tensor;

// A picture file of any format that OpenCV reads, the right way up (EXIF orientation), samples of other depths brought
// to 8 bits, grey as three equal channels, transparent parts over white. Throws Error(Fault::input) for
// a file that is missing, empty, cut off, damaged as far as its decoder can tell, too large or no picture.
Image read_image(const std::filesystem::path& path);

// Throws Error(Fault::output).
void write_png(const std::filesystem::path& path, const Image& image);

// [height,width,3]. Antialiased bilinear filter, bit for bit what Pillow's (and so torchvision's) BILINEAR does.
Image resize(const Image& image, int64_t height, int64_t width);

// Both sides times the factor, at least one pixel each.
Image scaled(const Image& image, double factor);

// Puts the picture on the canvas, which it must fit.
void paste(const Image& canvas, const Image& picture, int64_t top, int64_t left);

// A rectangle of a picture in pixels: pixel i covers [i,i+1].
struct Region {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;

  Region scaled(double by_x, double by_y) const { return {x * by_x, y * by_y, width * by_x, height * by_y}; }
};

inline Region whole(const Image& image) {
  return {0, 0, static_cast<double>(image.size(1)), static_cast<double>(image.size(0))};
}

// A rectangle of whole pixels.
struct Window {
  int64_t top = 0;
  int64_t left = 0;
  int64_t height = 0;
  int64_t width = 0;
};

// That part of the resized picture, without making the rest. Throws Error(Fault::run) when it sticks out.
Image resize(const Image& image, int64_t height, int64_t width, const Window& part);

// Throws Error(Fault::run) unless `image` is a uint8 tensor [H,W,3] on the CPU with H, W > 0.
void require_image(const Image& image);

// Separable filters that bring a grid to another size without aliasing.
enum class Filter { linear, cubic };

// One output sample: sum over i of weights[i] * input[first + i]. The weights sum to 1.
struct Taps {
  int64_t first = 0;
  std::vector<double> weights;
};

// The taps of `count` output samples that cover the interval [begin,end] of an input of `size` samples; sample i covers
// [i,i+1]. The filter widens when the interval has more samples than the output; positions outside of the input take
// its border.
std::vector<Taps> filter_taps(int64_t size, double begin, double end, int64_t count, Filter filter);

// float32 [H,W] -> [rows.size(), columns.size()], contiguous, on the CPU.
at::Tensor resample(const at::Tensor& values, const std::vector<Taps>& rows, const std::vector<Taps>& columns);

}  // namespace attune
