// Parts of pictures.
#pragma once

namespace attune {

// A rectangle of a picture in pixels: pixel i covers [i,i+1].
struct Region {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

}  // namespace attune
