// Colours of pictures changed as torchvision changes them.
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "data/augment.h"
#include "image/mat.h"

namespace attune {
namespace {

// float32 [H,W], with the weights that torchvision takes.
cv::Mat grey_of(const cv::Mat& picture) {
  cv::Mat grey;
  cv::transform(picture, grey, cv::Matx13f(0.2989F, 0.587F, 0.114F));
  return grey;
}

void clamp(cv::Mat& picture) {
  cv::max(picture, 0, picture);
  cv::min(picture, 1, picture);
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

// factor * picture + (1 - factor) * grey
void blend_with_grey(cv::Mat& picture, double factor) {
  cv::Mat grey;
  cv::cvtColor(grey_of(picture), grey, cv::COLOR_GRAY2RGB);
  cv::addWeighted(picture, factor, grey, 1 - factor, 0, picture);
}

void recolour(cv::Mat& picture, const ColourStep& step) {
  switch (step.change) {
    case ColourChange::brightness:
      picture.convertTo(picture, -1, step.amount);
      break;
    case ColourChange::contrast:
      picture.convertTo(picture, -1, step.amount, (1 - step.amount) * cv::mean(grey_of(picture))[0]);
      break;
    case ColourChange::saturation:
      blend_with_grey(picture, step.amount);
      break;
    case ColourChange::hue:
      shift_hue(picture, step.amount);
      break;
  }
  clamp(picture);
}

}  // namespace

Image recoloured(const Image& image, const std::vector<ColourStep>& steps) {
  cv::Mat picture;
  view(image).convertTo(picture, CV_32F, 1.0 / 255);
  for (const ColourStep& step : steps) recolour(picture, step);
  cv::Mat result;
  picture.convertTo(result, CV_8U, 255);
  return to_image(result);
}

}  // namespace attune
