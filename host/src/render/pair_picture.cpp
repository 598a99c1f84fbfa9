#include <ATen/ATen.h>
#include <algorithm>
#include <cmath>

#include "base/numbers.h"
#include "render/colormap.h"
#include "render/contact_sheet.h"
#include "render/figure.h"

namespace attune {
namespace {

constexpr double kPairWidth = 40, kPairHeight = 24, kPairMargin = 11;
const TextStyle kPairTitle = {10, ink::text, true}, kPairNote = {8.5, ink::quiet, false};
const TextStyle kPairName = {8.5, ink::text, false};

// Dark on light colours and light on dark ones.
Colour ink_on(const Colour& colour) {
  const double light = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2];
  return light > 140 ? ink::text : Colour{255, 255, 255};
}

// Two digits, and no zero in front of the point: what a small cell has room for.
std::string short_number(double value) {
  std::string text = fixed(value, 2);
  if (text == "-0.00") return "0";
  if (text == "0.00") return "0";
  const size_t zero = text.find("0.");
  if (zero != std::string::npos && (zero == 0 || text[zero - 1] == '-')) text.erase(zero, 1);
  return text;
}

void draw_pair(Drawing& drawing, const Spot& corner, double value) {
  const Colour& colour = colormap("blue_red").at(static_cast<float>((value + 1) / 2));
  drawing.area(corner, {corner.x + kPairWidth - 1, corner.y + kPairHeight - 1}, colour);
  drawing.text(short_number(value),
               {corner.x + kPairWidth / 2, corner.y + kPairHeight / 2 + 4, kPairWidth - 4, Align::centre},
               {8, ink_on(colour), false});
}

}  // namespace

Image pair_picture(const PairTable& table) {
  const double head = table.note.empty() ? 30 : 54;
  const auto count = static_cast<int64_t>(table.names.size());
  const auto left_of = [](int64_t column) { return kPairMargin + static_cast<double>(column) * kPairWidth; };
  double width = text_width(table.title, kPairTitle);
  width = std::max(width, text_width(table.note, kPairNote)) + kPairMargin;
  for (int64_t row = 0; row < count; ++row) {
    width = std::max(width, left_of(row) + 6 + text_width(table.names[static_cast<size_t>(row)], kPairName));
  }
  Drawing drawing(std::lround(head + static_cast<double>(count) * kPairHeight + kPairMargin),
                  std::lround(width + kPairMargin));
  drawing.text(table.title, {kPairMargin, 20}, kPairTitle);
  drawing.text(table.note, {kPairMargin, 40}, kPairNote);
  const at::Tensor values = table.values.to(at::kCPU, at::kDouble);
  for (int64_t row = 0; row < count; ++row) {
    const double top = head + static_cast<double>(row) * kPairHeight;
    for (int64_t column = 0; column < row; ++column) {
      const double value = values[row][column].item<double>();
      if (std::isfinite(value)) draw_pair(drawing, {left_of(column), top}, value);
    }
    drawing.text(table.names[static_cast<size_t>(row)], {left_of(row) + 6, top + kPairHeight / 2 + 4}, kPairName);
  }
  return drawing.picture();
}

}  // namespace attune
