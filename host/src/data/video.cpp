#include "data/video.h"

#include <algorithm>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>
#include <opencv2/videoio/registry.hpp>

#include <attune/sdk/error.h>

#include "base/numbers.h"
#include "image/input_file.h"
#include "image/mat.h"

namespace attune {
namespace {

// Videos longer than this are jumped through where the file allows it; shorter ones are decoded from end to end.
constexpr int64_t kLong = 2000;

Image to_picture(const cv::Mat& frame, int orientation) {
  cv::Mat rgb;
  cv::cvtColor(frame, rgb, frame.channels() == 1 ? cv::COLOR_GRAY2RGB : cv::COLOR_BGR2RGB);
  return to_image(upright(rgb, orientation));
}

std::vector<int64_t> timed_positions(int64_t count, double rate, const ClipTiming& timing) {
  const double per_second = *timing.per_second;
  const double spare = static_cast<double>(count) / rate - static_cast<double>(timing.frames) / per_second;
  const double begin = timing.from == ClipTiming::From::centre ? std::max(spare / 2, 0.0) : 0;
  std::vector<int64_t> result;
  for (int64_t i = 0; i < timing.frames; ++i) {
    const double time = begin + (static_cast<double>(i) + 0.5) / per_second;
    result.push_back(std::min(static_cast<int64_t>(std::min(time * rate, 1e12)), count - 1));
  }
  return result;
}

// What is read of a video.
struct Clip {
  const std::filesystem::path& path;
  const ClipTiming& timing;
  const FrameVisitor& visit;
  int orientation;
  double rate = 0;  // frames a second, as the file says

  bool has_rate() const { return rate > 0 && std::isfinite(rate); }

  // The frames to take of a video of `count` frames; ascending.
  std::vector<int64_t> positions(int64_t count) const {
    if (!timing.per_second) return even_places(count, timing.frames);
    if (!has_rate()) refuse_input(path, "the video does not say how many frames it shows a second");
    return timed_positions(count, rate, timing);
  }

  void show(int64_t index, const Image& frame, int64_t position) const {
    visit(index, frame, has_rate() ? static_cast<double>(position) / rate : std::nan(""));
  }
};

// Frames come as they are stored: which way OpenCV would turn them depends on its version.
cv::VideoCapture open(const std::filesystem::path& path) {
  const auto backends = cv::videoio_registry::getStreamBackends();
  const bool ffmpeg = std::find(backends.begin(), backends.end(), cv::CAP_FFMPEG) != backends.end();
  // An absolute path cannot be taken for an address ("http:", "concat:").
  cv::VideoCapture capture(std::filesystem::absolute(path).string(), ffmpeg ? cv::CAP_FFMPEG : cv::CAP_ANY);
  if (!capture.isOpened()) refuse_input(path, "is not a video that can be decoded (damaged, or of another format)");
  capture.set(cv::CAP_PROP_ORIENTATION_AUTO, 0);
  return capture;
}

struct Decoded {
  int64_t count = 0;  // frames in the file
  int64_t shown = 0;  // of those that are wanted
  Image last;
  int64_t last_position = 0;
};

// From the first frame to the last, as that alone tells how many there are.
Decoded decode_all(const Clip& clip, const std::vector<int64_t>& wanted) {
  cv::VideoCapture capture = open(clip.path);
  const auto all = static_cast<int64_t>(wanted.size());
  Decoded result;
  const auto is_wanted = [&] {
    return result.shown < all && wanted[static_cast<size_t>(result.shown)] <= result.count;
  };
  for (; capture.grab(); ++result.count) {
    cv::Mat frame;
    if (!is_wanted() || !capture.retrieve(frame) || frame.empty()) continue;
    result.last = to_picture(frame, clip.orientation);
    result.last_position = result.count;
    while (is_wanted()) clip.show(result.shown++, result.last, result.count);
  }
  return result;
}

// Only the wanted frames; false when the file does not allow jumping or is shorter than it says.
bool decode_jumping(const Clip& clip, cv::VideoCapture& capture, const std::vector<int64_t>& wanted) {
  for (size_t i = 0; i < wanted.size(); ++i) {
    cv::Mat frame;
    if (!capture.set(cv::CAP_PROP_POS_FRAMES, static_cast<double>(wanted[i])) || !capture.read(frame)) return false;
    clip.show(static_cast<int64_t>(i), to_picture(frame, clip.orientation), wanted[i]);
  }
  return true;
}

// OpenCV would take a picture for a video of one frame.
bool is_still_picture(const std::filesystem::path& path) {
  return cv::haveImageReader(path.string()) && read_input(path).compare(0, 4, "GIF8") != 0;
}

void decode(Clip clip) {
  cv::VideoCapture capture = open(clip.path);
  const int64_t frames = clip.timing.frames;
  const double said = capture.get(cv::CAP_PROP_FRAME_COUNT);
  clip.rate = capture.get(cv::CAP_PROP_FPS);
  const int64_t count = said >= 1 && said < 1e9 ? std::llround(said) : 0;
  const bool is_long = count > kLong && count > 4 * frames;
  if (is_long && decode_jumping(clip, capture, clip.positions(count))) return;
  capture.release();
  Decoded decoded = decode_all(clip, count ? clip.positions(count) : std::vector<int64_t>());
  if (decoded.count == 0) refuse_input(clip.path, "the video has no frames that can be decoded");
  // Containers that only know their length in seconds are a frame or so off: that is even enough.
  if (decoded.shown < frames || std::abs(decoded.count - count) > count / 20 + 1) {
    decoded = decode_all(clip, clip.positions(decoded.count));
  }
  if (decoded.shown == 0) refuse_input(clip.path, "the video has no frames that can be decoded");
  for (int64_t i = decoded.shown; i < frames; ++i) clip.show(i, decoded.last, decoded.last_position);
}

}  // namespace

void check(const ClipTiming& timing) {
  if (timing.frames < 1) {
    throw Error(Fault::spec, "a clip needs at least one frame, not " + std::to_string(timing.frames));
  }
  if (timing.per_second && !(*timing.per_second > 0 && std::isfinite(*timing.per_second))) {
    throw Error(Fault::spec,
                "the frames per second of a clip must be more than 0, not " + std::to_string(*timing.per_second));
  }
}

void read_clip(const std::filesystem::path& path, const ClipTiming& timing, const FrameVisitor& visit) {
  check(timing);
  prepare_opencv();
  input_size(path);
  try {
    if (is_still_picture(path)) refuse_input(path, "is a still picture, but the model takes clips; give it a video");
    if (is_cut_off_video(path)) refuse_input(path, "the video is cut off: the end of the file is missing");
    decode({path, timing, visit, orientation_of(path), 0});
  } catch (const cv::Exception& error) {
    refuse_input(path, "the video cannot be decoded: " + error.err);
  }
}

}  // namespace attune
