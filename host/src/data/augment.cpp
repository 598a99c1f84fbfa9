#include "data/augment.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <sstream>

#include <attune/sdk/error.h>

#include "base/random.h"
#include "image/mat.h"

namespace attune {
namespace {

// What is drawn for one sample is applied to all of it.
struct Scene {
  std::vector<Image>& pictures;
  std::vector<Box>& boxes;

  int64_t height() const { return pictures.at(0).size(0); }
  int64_t width() const { return pictures.at(0).size(1); }

  template <typename ChangePicture, typename ChangeRegion>
  void change(const ChangePicture& of_picture, const ChangeRegion& of_region) {
    for (Image& picture : pictures) picture = of_picture(picture);
    change_boxes(boxes, height(), width(), of_region);
  }
};

void apply(const Rotate& rotate, Scene scene, Random& random) {
  const double degrees = random.uniform(-rotate.degrees, rotate.degrees);
  scene.change([&](const Image& picture) { return rotated(picture, degrees); },
               [&](const Region& region) { return rotated(region, scene.height(), scene.width(), degrees); });
}

void apply(const Flip& flip, Scene scene, Random& random) {
  const bool horizontal = random.chance(flip.horizontal), vertical = random.chance(flip.vertical);
  scene.change(
      [&](const Image& picture) { return flipped(picture, horizontal, vertical); },
      [&](const Region& region) { return flipped(region, scene.height(), scene.width(), horizontal, vertical); });
}

void apply(const Crop& crop, Scene scene, Random& random) {
  const auto kept = [&](int64_t side) {
    return std::max<int64_t>(std::llround(crop.share * static_cast<double>(side)), 1);
  };
  Window window{0, 0, kept(scene.height()), kept(scene.width())};
  window.top = random.integer(0, scene.height() - window.height);
  window.left = random.integer(0, scene.width() - window.width);
  scene.change([&](const Image& picture) { return cut_out(picture, window); },
               [&](const Region& region) { return cut_out(region, window); });
}

void apply(const ColourJitter& jitter, Scene scene, Random& random) {
  const auto factor = [&](double range) { return random.uniform(std::max(0.0, 1 - range), 1 + range); };
  std::vector<ColourStep> steps{{ColourChange::brightness, factor(jitter.brightness)},
                                {ColourChange::contrast, factor(jitter.contrast)},
                                {ColourChange::saturation, factor(jitter.saturation)},
                                {ColourChange::hue, random.uniform(-jitter.hue, jitter.hue)}};
  random.shuffle(steps);
  for (Image& picture : scene.pictures) picture = recoloured(picture, steps);
}

void require(const char* what, double value, double highest, bool may_be_0 = true) {
  if ((may_be_0 ? value >= 0 : value > 0) && value <= highest) return;
  std::ostringstream text;
  text << "augmentation: " << what << " must be " << (may_be_0 ? "0 to " : "above 0 and at most ") << highest
       << ", not " << value;
  throw Error(Fault::spec, text.str());
}

struct Check {
  void operator()(const Rotate& rotate) const { require("the degrees of rotate", rotate.degrees, 180); }
  void operator()(const Flip& flip) const {
    require("the horizontal probability of flip", flip.horizontal, 1);
    require("the vertical probability of flip", flip.vertical, 1);
  }
  void operator()(const Crop& crop) const { require("the share of crop", crop.share, 1, false); }
  void operator()(const ColourJitter& jitter) const {
    constexpr double kMost = 10;
    require("the brightness of jitter", jitter.brightness, kMost);
    require("the contrast of jitter", jitter.contrast, kMost);
    require("the saturation of jitter", jitter.saturation, kMost);
    require("the hue of jitter", jitter.hue, 0.5);
  }
};

// float32 [H,W], with the weights that torchvision takes.
cv::Mat grey_of(const cv::Mat& picture) {
  cv::Mat grey;
  cv::transform(picture, grey, cv::Matx13f(0.2989F, 0.587F, 0.114F));
  return grey;
}

void shift_hue(cv::Mat& picture, double share) {
  cv::Mat hsv;
  cv::cvtColor(picture, hsv, cv::COLOR_RGB2HSV);
  const auto shift = static_cast<float>(360 * (share - std::floor(share)));
  hsv.forEach<cv::Vec3f>([shift](cv::Vec3f& pixel, const int*) {
    pixel[0] += shift;
    if (pixel[0] >= 360) pixel[0] -= 360;
  });
  cv::cvtColor(hsv, picture, cv::COLOR_HSV2RGB);
}

void recolour(cv::Mat& picture, const ColourStep& step) {
  if (step.change == ColourChange::brightness) picture.convertTo(picture, -1, step.amount);
  if (step.change == ColourChange::contrast) {
    picture.convertTo(picture, -1, step.amount, (1 - step.amount) * cv::mean(grey_of(picture))[0]);
  }
  if (step.change == ColourChange::saturation) {
    cv::Mat grey;
    cv::cvtColor(grey_of(picture), grey, cv::COLOR_GRAY2RGB);
    cv::addWeighted(picture, step.amount, grey, 1 - step.amount, 0, picture);
  }
  if (step.change == ColourChange::hue) shift_hue(picture, step.amount);
  cv::max(picture, 0, picture);
  cv::min(picture, 1, picture);
}

}  // namespace

void check(const Augmentation& augmentation) { std::visit(Check(), augmentation); }

void augment(std::vector<Image>& pictures, std::vector<Box>& boxes, const std::vector<Augmentation>& augmentations,
             uint64_t seed) {
  Random random(seed);
  for (const Augmentation& augmentation : augmentations) {
    std::visit([&](const auto& one) { apply(one, {pictures, boxes}, random); }, augmentation);
  }
}

Image rotated(const Image& image, double degrees) {
  // OpenCV counts pixel centres as whole numbers.
  const cv::Point2f centre(static_cast<float>(image.size(1) - 1) / 2, static_cast<float>(image.size(0) - 1) / 2);
  cv::Mat result;
  cv::warpAffine(view(image), result, cv::getRotationMatrix2D(centre, degrees, 1), {}, cv::INTER_LINEAR,
                 cv::BORDER_CONSTANT, cv::Scalar::all(0));
  return to_image(result);
}

Region rotated(const Region& region, int64_t height, int64_t width, double degrees) {
  const double angle = degrees * std::numbers::pi / 180, cosine = std::cos(angle), sine = std::sin(angle);
  const double middle_x = static_cast<double>(width) / 2, middle_y = static_cast<double>(height) / 2;
  const double x = region.x + region.width / 2 - middle_x, y = region.y + region.height / 2 - middle_y;
  const double wide = region.width * std::abs(cosine) + region.height * std::abs(sine);
  const double high = region.width * std::abs(sine) + region.height * std::abs(cosine);
  return {middle_x + x * cosine + y * sine - wide / 2, middle_y - x * sine + y * cosine - high / 2, wide, high};
}

Image flipped(const Image& image, bool horizontal, bool vertical) {
  if (!horizontal && !vertical) return image;
  cv::Mat result;
  cv::flip(view(image), result, horizontal && vertical ? -1 : horizontal ? 1 : 0);
  return to_image(result);
}

Region flipped(const Region& region, int64_t height, int64_t width, bool horizontal, bool vertical) {
  const double x = horizontal ? static_cast<double>(width) - region.x - region.width : region.x;
  const double y = vertical ? static_cast<double>(height) - region.y - region.height : region.y;
  return {x, y, region.width, region.height};
}

Image cut_out(const Image& image, const Window& window) {
  return image.narrow(0, window.top, window.height).narrow(1, window.left, window.width).contiguous();
}

Region cut_out(const Region& region, const Window& window) {
  return {region.x - static_cast<double>(window.left), region.y - static_cast<double>(window.top), region.width,
          region.height};
}

Image recoloured(const Image& image, const std::vector<ColourStep>& steps) {
  cv::Mat picture;
  view(image).convertTo(picture, CV_32F, 1.0 / 255);
  for (const ColourStep& step : steps) recolour(picture, step);
  cv::Mat result;
  picture.convertTo(result, CV_8U, 255);
  return to_image(result);
}

}  // namespace attune
