// What a picture of a map says in words.
#pragma once

#include <string>

#include "image/image.h"

namespace attune {

struct Legend {
  std::string method;    // "Grad-CAM (layer4)"
  std::string label;     // "golden retriever"; may be empty
  std::string score;     // "98.3 %"; may be empty
  std::string colormap;  // of the small colour bar; empty: no bar
  std::string low;       // texts at its ends ("0", "0.77"); may be empty
  std::string high;
};

// The picture with a strip of text under it. Small pictures are enlarged first, so that the text can be read. The
// method takes as many lines as it needs; other texts that do not fit end in "...".
Image add_legend(const Image& picture, const Legend& legend);

}  // namespace attune
