// What configs say of data sets, in the words of the code that reads them.
#pragma once

#include <variant>

namespace attune {

enum class DataFormat {
  voc,      // PASCAL VOC: JPEGImages, Annotations, ImageSets/Main/<split>.txt
  folders,  // <split>/<class>/<file>, or <class>/<file> for the split ""
  csv,      // <split>.csv: a header, then a file and its labels a line
  images,   // <split>/<file>, or <file> for the split "": no labels
};

// What to do with a file that cannot be used.
enum class OnProblem { stop, skip };

// What to do with a class that has fewer examples than are asked for.
enum class TooFew { stop, take_all };

// About the centre, by an angle from -degrees to degrees. The picture keeps its size; what comes in is black. Boxes
// become the upright rectangles around the turned ones.
struct Rotate {
  double degrees = 10;  // 0 to 180
};

// With these probabilities.
struct Flip {
  double horizontal = 0.5;  // left becomes right
  double vertical = 0;
};

// A part of the picture, anywhere in it.
struct Crop {
  double share = 0.9;  // of the height and of the width that is kept; above 0, at most 1
};

// Each of the four by a random amount, in random order; what it does equals torchvision's ColorJitter.
struct ColourJitter {
  double brightness = 0.8;  // factor from 1 - brightness (at least 0) to 1 + brightness
  double contrast = 0.8;    // likewise
  double saturation = 0.8;  // likewise
  double hue = 0.4;         // share of the colour circle, 0 to 0.5: shift from -hue to hue
};

using Augmentation = std::variant<Rotate, Flip, Crop, ColourJitter>;

}  // namespace attune
