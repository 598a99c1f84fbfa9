#include <ATen/ops/argsort.h>
#include <ATen/ops/full.h>
#include <ATen/ops/topk.h>
#include <algorithm>

#include <attune/maps.h>
#include <attune/sdk/error.h>

#include "base/target_text.h"

namespace attune {

std::string Labels::name(int64_t index) const {
  return index >= 0 && index < static_cast<int64_t>(names_.size()) ? names_[static_cast<size_t>(index)] : "";
}

int64_t Labels::index(const std::string& label) const {
  const auto first = std::find(names_.begin(), names_.end(), label);
  if (first == names_.end()) {
    throw Error(Fault::usage, "no class is called '" + label + "'" + did_you_mean(label, names_));
  }
  std::string indices;
  for (size_t i = 0; i < names_.size(); ++i) {
    if (names_[i] == label) indices += (indices.empty() ? "" : ", ") + std::to_string(i);
  }
  if (indices.find(',') != std::string::npos) {
    throw Error(Fault::usage, "several classes are called '" + label + "'; choose one by its index: " + indices);
  }
  return first - names_.begin();
}

TargetChoice TargetChoice::parse(const std::string& text, const Labels& labels) {
  TargetChoice choice;
  const TargetText target = parse_target(text);
  if (target.kind == TargetText::Kind::rank) {
    choice.top_ = target.number;
    if (choice.top_ == 0) throw Error(Fault::usage, "target 'top0' is no class; expected top1, top2...");
  } else if (target.kind == TargetText::Kind::index) {
    choice.index_ = target.number;
  } else if (labels.empty()) {
    throw Error(Fault::usage, "target '" + text +
                                  "' is neither top1, top5 nor an index, and the model has no labels; " +
                                  "give them with --labels FILE");
  } else {
    choice.index_ = labels.index(text);
  }
  return choice;
}

int64_t TargetChoice::count(int64_t classes) const { return top_ > 0 ? std::min(top_, classes) : 1; }

std::vector<Target> TargetChoice::resolve(const at::Tensor& scores) const {
  const int64_t classes = scores.size(1);
  std::vector<Target> targets;
  if (top_ > 0) {
    const at::Tensor best = std::get<1>(scores.detach().topk(count(classes), 1));
    for (int64_t i = 0; i < best.size(1); ++i) targets.push_back({best.select(1, i)});
    return targets;
  }
  if (index_ >= classes) {
    throw Error(Fault::usage, "target " + std::to_string(index_) + " is out of range: the model has " +
                                  std::to_string(classes) + " classes, 0 to " + std::to_string(classes - 1));
  }
  targets.push_back({at::full({scores.size(0)}, index_, scores.options().dtype(at::kLong).requires_grad(false))});
  return targets;
}

}  // namespace attune
