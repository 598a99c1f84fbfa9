// From a batch of inputs to attention maps: one forward pass for all maps and targets.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <attune/sdk/map.h>
#include <attune/sdk/method.h>
#include <attune/sdk/model.h>
#include <attune/sdk/target.h>

namespace attune {

// Class names by index, and the words a target is chosen with.
class Labels {
 public:
  Labels() = default;
  explicit Labels(std::vector<std::string> names) : names_(std::move(names)) {}

  bool empty() const { return names_.empty(); }
  size_t size() const { return names_.size(); }
  const std::vector<std::string>& names() const { return names_; }
  // "" when there is no such label.
  std::string name(int64_t index) const;
  // Throws Error(Fault::usage) for an unknown label (with the nearest) and for one that occurs twice (with its
  // indices).
  int64_t index(const std::string& label) const;

 private:
  std::vector<std::string> names_;
};

// What one target is about, sample by sample.
struct ExplainedTarget {
  Target target;
  at::Tensor classes;   // [N], int64, on the output's device: the class of each sample; undefined where it is none
  std::string measure;  // the keys that make it other than a class score, as they were written: "minus=similar3"
};

// What a user writes for a target: CLASS[:key=value,...], where CLASS is "top1", "top5" (any "topK"), an index, a
// label or "all". docs/targets.md has the keys.
class TargetChoice {
 public:
  // Throws Error(Fault::usage) when `text` is none of it, no label, or a key or its value is wrong, and
  // Error(Fault::input) for a file that cannot be read.
  static TargetChoice parse(const std::string& text, const Labels& labels);
  // Each sample's own class: `classes` [N], int64. Throws Error(Fault::usage) for another tensor; explain() does when
  // there are not as many samples.
  static TargetChoice of(const at::Tensor& classes);

  // The targets for an output [N,..] of `model`: one of each kind, K of them for "topK". The model tells what the
  // output's numbers are; without one they are scores. Throws Error(Fault::usage) for what the output does not have,
  // and says what it has.
  std::vector<ExplainedTarget> explain(const at::Tensor& output, const Model* model = nullptr) const;
  std::vector<Target> resolve(const at::Tensor& output, const Model* model = nullptr) const;
  // How many that are for a model of `classes` classes.
  int64_t count(int64_t classes) const;
  // Of a model of several outputs the one that is looked at; "" where the target does not say.
  const std::string& output() const;

 private:
  struct Parts;
  std::shared_ptr<const Parts> parts_;
};

// The model whose output the targets look at: of a model of several outputs another view of the same weights. Throws
// Error(Fault::usage) when they name different outputs, as one pass serves all of them.
std::shared_ptr<Model> model_for(const std::shared_ptr<Model>& model, const std::vector<TargetChoice>& targets);

// How the files of targets are read, as libattune itself reads no pictures: of a .npy file its values, of a picture
// [H,W,3]. The program says so once; programs that embed attune and use such targets do likewise, before they parse.
using TargetFileReader = std::function<at::Tensor(const std::string& path)>;
void read_target_files(TargetFileReader reader);

// What a map of an annotation shows: the target's class, or all classes.
enum class Annotated { target, all };

struct MapRequest {
  std::string name;                               // unique among the maps of a call
  std::shared_ptr<const AttentionMethod> method;  // null: an annotation
  bool graph = true;                              // false: without an autograd graph, also where the others have one
  std::optional<TargetChoice> target = {};        // what it explains whatever the targets are: of "topK" the K-th class
  Annotated annotated = Annotated::target;
  std::shared_ptr<Model> model = {};      // that it is a map of; null: of the one that is asked. It has no graph
  std::shared_ptr<Model> chosen_by = {};  // on whose answer its classes are chosen; null: on its
  bool optional = false;                  // where it refuses model or input, the others are given without it
};

// The maps of one batch.
struct MapSet {
  at::Tensor scores;                            // [N,K] or whatever [N,..] the model gives, raw
  std::vector<Target> targets;                  // in the order of the choices
  std::vector<std::vector<AttentionMap>> maps;  // [request][target]
  std::vector<std::vector<Target>> explained;   // [request][target]: the target, or what the map explains instead
  std::vector<std::string> refusals;            // [request]: why an optional one has no maps; "" where there are
};

// Runs the model once on `input` [N,C,S1..Sd] and asks every method for every target. With `graph` the maps are
// differentiable. Random draws of methods are a function of `seed` and the map's name, so that two maps are independent
// and a map does not depend on which others are asked for. `annotation`, [N,1,S1..Sd] or one channel for each class, is
// from 0 to 1; only maps of annotations need it. Throws Error(Fault::run) when a method fails, or gives a map
// of another batch size or one that is not finite; the sentence names the map.
MapSet compute_maps(Model& model, const at::Tensor& input, const std::vector<MapRequest>& requests,
                    const std::vector<TargetChoice>& targets, bool graph = false, uint64_t seed = 0,
                    const at::Tensor& annotation = {});

}  // namespace attune
