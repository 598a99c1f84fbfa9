// A picture to read, resize and write.
#pragma once

#include <ATen/ATen.h>

#include "image/image.h"

namespace attune::test {

// Smooth, different in every channel and along both axes, the same on every run.
inline Image gradient(int64_t height, int64_t width) {
  Image image = at::empty({height, width, 3}, at::kByte);
  auto pixels = image.accessor<uint8_t, 3>();
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      pixels[y][x][0] = static_cast<uint8_t>(255 * x / width);
      pixels[y][x][1] = static_cast<uint8_t>(255 * y / height);
      pixels[y][x][2] = static_cast<uint8_t>(127 * (x + y) / (height + width));
    }
  }
  return image;
}

// Of one colour.
inline Image plain(int64_t height, int64_t width, int red, int green, int blue) {
  Image image = at::empty({height, width, 3}, at::kByte);
  image.select(2, 0).fill_(red);
  image.select(2, 1).fill_(green);
  image.select(2, 2).fill_(blue);
  return image;
}

}  // namespace attune::test
