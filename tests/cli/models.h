// Small TorchScript files.
#pragma once

#include <filesystem>
#include <string>

namespace attune::test {

// Pictures [N,3,H,W] of any size to 4 scores; layers conv1, relu1, conv2, relu2, pool, fc, with relu2 (an eighth of the
// input's extent) as the automatic one.
void save_classifier(const std::filesystem::path& file);
// The same as far as relu1; its `fc` then takes pictures of 32 x 32 only.
void save_fixed_size(const std::filesystem::path& file);
// Pictures of any size to `result`, which says what becomes of so many scores y; layers conv1, relu1 (the automatic
// one), fc.
void save_ending(const std::filesystem::path& file, int64_t scores, const std::string& result);
// Layers conv1 (the automatic one), window (2 x 2 positions at a time, folded into the batch), fc.
void save_windows(const std::filesystem::path& file);
// Layers conv1 (the automatic one), steps (a 1-D convolution along the width), fc.
void save_steps(const std::filesystem::path& file);
// A vision transformer: patches (a grid of an eighth of the input's extent), tokens (behind a class token), block1 and
// block2 (attention), fc of the class token; 4 scores.
void save_transformer(const std::filesystem::path& file);
// Pictures and a number for each of 4 channels, `scale`, to 4 scores; layers conv1, relu1.
void save_scaled(const std::filesystem::path& file);
// Takes a number beside its picture.
void save_number_taker(const std::filesystem::path& file);
// Prints, and raises an error of these words for pictures that are 48 pixels high.
void save_mutterer(const std::filesystem::path& file, const std::string& words);
// Layers conv1 (16 channels, a quarter of the input's extent), turn (which exchanges height and width), fc.
void save_turning(const std::filesystem::path& file);
// Pictures to scores of every pixel [N,4,H,W].
void save_segmenter(const std::filesystem::path& file);
// Pictures to 4 scores, the third of which is always minus infinity.
void save_unbounded(const std::filesystem::path& file);
// Asks for more memory than there can be.
void save_insatiable(const std::filesystem::path& file);
// The classifier's first half inside `with` blocks: conv1 where a profiler looks, conv2 where gradients are off.
void save_guarded(const std::filesystem::path& file);
// Signals [N,2,L] to 3 scores; layers conv1, relu1.
void save_signal_classifier(const std::filesystem::path& file);
// Clips [N,3,T,H,W] to 3 scores; layers conv1, relu1.
void save_clip_classifier(const std::filesystem::path& file);
// Volumes [N,1,S1,S2,S3] to 3 scores; layers conv1, relu1, a quarter of the input's extent.
void save_volume_classifier(const std::filesystem::path& file);
// Inputs of `rank` axes to 2 equal scores, the sum over channels on average. One layer, conv1, hands on that sum, so
// that the Grad-CAM of a class is the input.
void save_follower(const std::filesystem::path& file, int64_t channels, int64_t rank);
// Pictures to 3 scores; layer conv1 has two axes, and the layer behind it, `lines`, one.
void save_lines(const std::filesystem::path& file);

// Pictures to 3 scores: how much there is of each colour, on average, minus the threshold. One layer, `colours`, hands
// on the picture, so that the Grad-CAM of a class is its colour. `result` says what becomes of these scores y.
void save_colours(const std::filesystem::path& file, double threshold, const std::string& result = "y");

// Pictures of one channel to 2 scores: both are their mean value.
void save_brightness(const std::filesystem::path& file);

// What torch.save(model.state_dict()) writes: an archive without code.
void save_state_dict(const std::filesystem::path& file);

}  // namespace attune::test
