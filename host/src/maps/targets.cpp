#include <ATen/ATen.h>
#include <algorithm>
#include <limits>

#include <attune/maps.h>
#include <attune/model.h>
#include <attune/sdk/error.h>

#include "base/target_text.h"
#include "base/text.h"
#include "maps/pooling.h"

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

namespace {

using Kind = TargetText::Kind;

TargetFileReader& file_reader() {
  static TargetFileReader reader;
  return reader;
}

at::Tensor one_hot(const at::Tensor& classes, const at::Tensor& like) {
  return at::one_hot(classes, like.size(1)).to(like.scalar_type());
}

}  // namespace

struct TargetChoice::Parts {
  std::string text;
  TargetText target;
  int64_t index = 0;        // of Kind::index and of a label
  int64_t minus = -1;       // of a class that is named so
  at::Tensor file = {};     // that `region` or `similar_to` names
  at::Tensor given = {};    // [N], int64: of TargetChoice::of()
  std::string output = "";  // which one
  std::string measure = "";

  // "target 'top1:axis=7' ...; the model's output has shape [2, 4]"
  [[noreturn]] void refuse(const at::Tensor& output, const std::string& why, const std::string& rather = "",
                           Fault fault = Fault::usage) const {
    std::string sentence = "target '" + text + "' " + why + ", but the model's output has shape ";
    throw Error(fault, sentence + shape_text(output.sizes().vec()) + (rather.empty() ? "" : "; " + rather));
  }

  int64_t index_of(const TargetText& of, const Labels& labels) const;
  Pooling pooling(const at::Tensor& output, const Model* model) const;
  at::Tensor fixed_region(const at::Tensor& output, const Pooling& pooling) const;
  at::Tensor given_classes(const at::Tensor& scores) const;
  at::Tensor best_classes(const at::Tensor& scores, const at::Tensor& ranking) const;
  at::Tensor subtracted(const at::Tensor& scores, const at::Tensor& classes, const at::Tensor& ranking) const;
  Target similarity(const at::Tensor& output) const;
  int64_t value(const at::Tensor& scores, const at::Tensor& output) const;
};

int64_t TargetChoice::Parts::index_of(const TargetText& of, const Labels& labels) const {
  if (of.kind == Kind::index) return of.number;
  if (!labels.empty()) return labels.index(of.name);
  const bool is_minus = &of != &target;
  throw Error(Fault::usage, "target '" + text + "' " + (is_minus ? "takes off '" + of.name + "', which " : "") +
                                "is neither " + (is_minus ? "similar3, " : "") +
                                "top1, top5 nor an index, and the model has no labels; " +
                                "give them with --labels FILE");
}

TargetChoice TargetChoice::parse(const std::string& text, const Labels& labels) {
  auto parts = std::make_shared<Parts>(Parts{text, parse_target(text, labels.names())});
  const TargetText& target = parts->target;
  if (!target.fault.empty()) throw Error(Fault::usage, "target '" + text + "' " + target.fault);
  if (target.kind == Kind::rank && target.number == 0) {
    throw Error(Fault::usage, "target 'top0' is no class; expected top1, top2...");
  }
  if (target.kind != Kind::rank && target.kind != Kind::all) parts->index = parts->index_of(target, labels);
  const std::string minus = target.get("minus");
  if (!minus.empty() && !target_parts::is_counted(minus, "similar")) {
    const TargetText other = parse_target(minus, labels.names());
    if (other.kind != Kind::rank) parts->minus = parts->index_of(other, labels);
  }
  const std::string region = target.get("region"), vector = target.get("similar_to");
  const bool has_mask =
      !region.empty() && region != "predicted" && region != "all" && target_parts::numbers_of(region, 4).empty();
  if (has_mask || !vector.empty()) {
    if (!file_reader()) {
      throw Error(Fault::usage, "target '" + text + "' names a file, and this program has not said how to read it");
    }
    parts->file = file_reader()(has_mask ? region : vector);
  }
  parts->output = target.get("output");
  for (const TargetKey& key : target_keys()) {
    if (!target.has(key.name) || key.name == "output") continue;
    const std::string value = target.get(key.name);
    parts->measure += (parts->measure.empty() ? "" : ",") + key.name + (value.empty() ? "" : "=" + value);
  }
  if (target.kind == Kind::all) parts->measure = parts->measure.empty() ? "all" : "all:" + parts->measure;
  TargetChoice choice;
  choice.parts_ = std::move(parts);
  return choice;
}

TargetChoice TargetChoice::of(const at::Tensor& classes) {
  const bool is_list = classes.defined() && classes.dim() == 1 && classes.numel() > 0;
  if (!is_list || classes.scalar_type() != at::kLong) {
    throw Error(Fault::usage, "classes to explain are a tensor [N] of int64, one for each sample");
  }
  auto parts = std::make_shared<Parts>(Parts{"given classes", {}});
  parts->target.kind = Kind::index;
  parts->given = classes.detach();
  TargetChoice choice;
  choice.parts_ = std::move(parts);
  return choice;
}

int64_t TargetChoice::count(int64_t classes) const {
  const bool ranks =
      parts_->target.kind == Kind::rank && !parts_->target.has("similar_to") && !parts_->target.has("value");
  return ranks ? std::min(parts_->target.number, classes) : 1;
}

const std::string& TargetChoice::output() const { return parts_->output; }

// So many times as long as the axis of classes, another is that of anchors: 84 by 8400, but not 197 tokens by 1000
// classes.
constexpr int64_t surely_anchors = 16;

Pooling TargetChoice::Parts::pooling(const at::Tensor& output, const Model* model) const {
  Pooling pooling;
  const int64_t rank = output.dim();
  const bool pools = target.has("region") || target.has("pick");
  if (rank > 2 && !pools) {
    refuse(output, "does not say which positions count",
           "add region=predicted or region=all for [N,K,H,W], pick=max for anchors, or name another output",
           Fault::input);
  }
  if (rank == 2 && pools) refuse(output, "chooses among positions", "leave region and pick out for [N,K]");
  if (rank == 3) pooling.axis = output.size(1) <= output.size(2) ? 1 : 2;
  if (rank == 3 && !target.has("axis") && output.size(3 - pooling.axis) < surely_anchors * output.size(pooling.axis)) {
    refuse(output, "does not say where the classes are", "add axis=1 or axis=2");
  }
  if (target.has("axis")) pooling.axis = std::stoll(target.get("axis"));
  if (pooling.axis >= rank) {
    refuse(output, "has its classes at axis " + std::to_string(pooling.axis),
           "expected 1 to " + std::to_string(rank - 1));
  }
  const int64_t entries = output.size(pooling.axis);
  const bool is_detector = rank == 3 && !target.has("region") && !target.has("value") && entries > 4;
  pooling.boxes = target.has("boxes") ? std::stoll(target.get("boxes")) : is_detector ? 4 : 0;
  if (pooling.boxes >= entries) {
    refuse(output, "has " + std::to_string(pooling.boxes) + " numbers in front of its classes",
           "axis " + std::to_string(pooling.axis) + " has " + std::to_string(entries));
  }
  pooling.of = target.get("of", "score");
  pooling.pick = target.get("pick", "sum");
  if (const auto* image = dynamic_cast<const ImageModel*>(model)) {
    pooling.kind = image->output_kind();
    pooling.multi_label = image->options().multi_label;
  }
  return pooling;
}

// [1,P] of a rectangle or a picture; undefined where all positions count.
at::Tensor TargetChoice::Parts::fixed_region(const at::Tensor& output, const Pooling& pooling) const {
  const auto corners = target_parts::numbers_of(target.get("region"), 4);
  const bool has_mask = target.has("region") && file.defined();
  if (corners.empty() && !has_mask) return {};
  if (output.dim() != 4) refuse(output, "has a region of two axes", "expected [N,K,H,W]");
  std::vector<int64_t> size = output.sizes().slice(1).vec();
  size.erase(size.begin() + pooling.axis - 1);
  if (has_mask) {
    const at::Tensor mask = file.dim() == 3 ? file.ne(0).any(2) : file.ne(0);
    if (mask.sizes() != at::IntArrayRef(size)) {
      refuse(output, "has a region of " + shape_text(mask.sizes().vec()) + " cells",
             "the file must have its " + shape_text(size));
    }
    if (!mask.any().item<bool>()) refuse(output, "has a region without a cell");
    return mask.flatten().unsqueeze(0).to(output.device());
  }
  const int64_t x0 = corners[0], y0 = corners[1], x1 = corners[2], y1 = corners[3];
  if (x0 >= x1 || y0 >= y1 || x1 > size[1] || y1 > size[0]) {
    refuse(output, "has a region that is no part of it",
           "X0,Y0,X1,Y1 go from 0,0 to " + std::to_string(size[1]) + "," + std::to_string(size[0]) +
               ", and X0 < X1, Y0 < Y1");
  }
  at::Tensor mask = at::zeros(size, output.options().dtype(at::kBool).requires_grad(false));
  mask.narrow(0, y0, y1 - y0).narrow(1, x0, x1 - x0).fill_(true);
  return mask.flatten().unsqueeze(0);
}

// [N,1] of scores [N,K].
at::Tensor TargetChoice::Parts::given_classes(const at::Tensor& scores) const {
  if (given.size(0) != scores.size(0)) {
    throw Error(Fault::usage, "there are " + std::to_string(given.size(0)) + " classes to explain for " +
                                  std::to_string(scores.size(0)) + " samples");
  }
  const auto lowest = given.min().item<int64_t>(), highest = given.max().item<int64_t>();
  if (lowest < 0 || highest >= scores.size(1)) {
    throw Error(Fault::usage, "class " + std::to_string(lowest < 0 ? lowest : highest) +
                                  " is out of range: the model has " + std::to_string(scores.size(1)) +
                                  " classes, 0 to " + std::to_string(scores.size(1) - 1));
  }
  return given.to(scores.device()).unsqueeze(1);
}

// [N,k] of scores [N,K].
at::Tensor TargetChoice::Parts::best_classes(const at::Tensor& scores, const at::Tensor& ranking) const {
  const int64_t classes = scores.size(1);
  if (given.defined()) return given_classes(scores);
  const auto require = [&](int64_t wanted) {
    if (wanted < classes) return;
    throw Error(Fault::usage, "target " + std::to_string(wanted) + " is out of range: the model has " +
                                  std::to_string(classes) + " classes, 0 to " + std::to_string(classes - 1));
  };
  require(minus);
  if (target.kind == Kind::rank) return std::get<1>(ranking.topk(std::min(target.number, classes), 1));
  require(index);
  return at::full({scores.size(0), 1}, index, scores.options().dtype(at::kLong));
}

// [N,K], the weights that `minus` takes off: those of the other classes, which sum to 1. The nearest classes weigh as
// their probabilities do (Zhang et al. 2025, FinerCAM).
at::Tensor TargetChoice::Parts::subtracted(const at::Tensor& scores, const at::Tensor& classes,
                                           const at::Tensor& ranking) const {
  const std::string other = target.get("minus");
  const int64_t known = scores.size(1);
  if (minus >= 0) return one_hot(at::full_like(classes, minus), scores);
  const bool similar = target_parts::is_counted(other, "similar");
  const int64_t number = std::stoll(other.substr(similar ? 7 : 3));
  if (number > known - (similar ? 1 : 0)) {
    throw Error(Fault::usage, "target '" + text + "' takes off " + other + ", but the model has " +
                                  std::to_string(known) + (known == 1 ? " class" : " classes") + "; expected at most " +
                                  std::to_string(known - (similar ? 1 : 0)));
  }
  if (!similar) return one_hot(std::get<1>(ranking.topk(number, 1)).select(1, number - 1), scores);
  const at::Tensor own = classes.unsqueeze(1);
  const at::Tensor apart =
      (scores - scores.gather(1, own)).abs().scatter(1, own, std::numeric_limits<double>::infinity());
  const at::Tensor nearest = std::get<1>(apart.topk(number, 1, /*largest=*/false));
  const at::Tensor near = scores.gather(1, nearest);
  const at::Tensor weights = target.get("of") == "probability" ? near / near.sum(1, true) : at::softmax(near, 1);
  return at::zeros_like(scores).scatter(1, nearest, weights);
}

Target TargetChoice::Parts::similarity(const at::Tensor& output) const {
  const int64_t entries = output.numel() / output.size(0);
  if (file.numel() != entries) {
    refuse(output, "has a vector of " + std::to_string(file.numel()) + " numbers",
           "expected " + std::to_string(entries));
  }
  const at::Tensor vector = file.flatten().unsqueeze(0).to(output.options().requires_grad(false));
  const auto cosine = [vector](const at::Tensor& of, const at::Tensor&) {
    return at::cosine_similarity(of.flatten(1), vector, 1);
  };
  return {cosine, output.size(0)};
}

int64_t TargetChoice::Parts::value(const at::Tensor& scores, const at::Tensor& output) const {
  const int64_t last = scores.size(1) - 1;
  const std::string given = target.get("value");
  if (given.empty() && last > 0) refuse(output, "does not say which value", "value=0 to value=" + std::to_string(last));
  const int64_t number = given.empty() ? 0 : std::stoll(given);
  if (number > last) {
    refuse(output, "looks at value " + given, last == 0 ? "expected value=0" : "expected 0 to " + std::to_string(last));
  }
  return number;
}

std::vector<ExplainedTarget> TargetChoice::explain(const at::Tensor& given, const Model* model) const {
  const Parts& parts = *parts_;
  const at::Tensor output = given.detach();
  if (parts.target.has("similar_to")) return {{parts.similarity(output), {}, parts.measure}};
  const Pooling pooling = parts.pooling(output, model);
  const at::Tensor values = pooling.by_position(output), answer = values.argmax(1);  // [N,K,P], [N,P]
  const at::Tensor fixed = parts.fixed_region(output, pooling);
  const bool predicted = parts.target.get("region") == "predicted" && values.size(2) > 1;
  const at::Tensor whole = pooling.pooled(values, fixed);
  const at::Tensor ranking = predicted ? at::one_hot(answer, values.size(1)).sum(1).to(whole.scalar_type()) : whole;
  const auto target_of = [&](const at::Tensor& weights, const at::Tensor& region) {
    const auto score = [=](const at::Tensor& of, const at::Tensor& samples) {
      const bool by_sample = region.defined() && region.size(0) > 1;
      const at::Tensor counts = by_sample ? region.index_select(0, samples) : region;
      return (pooling.pooled(pooling.by_position(of), counts) * weights.index_select(0, samples)).sum(1);
    };
    return Target(score, output.size(0));
  };
  if (parts.target.kind == Kind::all || parts.target.has("value")) {
    const bool is_value = parts.target.has("value");
    const at::Tensor one = is_value ? at::full({output.size(0)}, parts.value(whole, output),
                                               output.options().dtype(at::kLong).requires_grad(false))
                                    : at::Tensor();
    return {{target_of(is_value ? one_hot(one, whole) : at::ones_like(whole), fixed), {}, parts.measure}};
  }
  std::vector<ExplainedTarget> targets;
  const at::Tensor best = parts.best_classes(whole, ranking);
  for (int64_t i = 0; i < best.size(1); ++i) {
    const at::Tensor classes = best.select(1, i);
    if (parts.measure.empty()) {
      targets.push_back({classes, classes, ""});
      continue;
    }
    const at::Tensor region = predicted ? answer.eq(classes.unsqueeze(1)) : fixed;
    if (predicted && !region.any(1).all().item<bool>()) {
      throw Error(Fault::run, "target '" + parts.text + "' has no region: no position has its class as its answer; " +
                                  "region=all counts every position");
    }
    const at::Tensor scores = predicted ? pooling.pooled(values, region) : whole;
    at::Tensor weights = one_hot(classes, scores);
    if (parts.target.has("minus")) weights = weights - parts.subtracted(scores, classes, ranking);
    targets.push_back({target_of(weights, region), classes, parts.measure});
  }
  return targets;
}

std::vector<Target> TargetChoice::resolve(const at::Tensor& output, const Model* model) const {
  std::vector<Target> targets;
  for (ExplainedTarget& one : explain(output, model)) targets.push_back(std::move(one.target));
  return targets;
}

std::shared_ptr<Model> model_for(const std::shared_ptr<Model>& model, const std::vector<TargetChoice>& targets) {
  std::string output = targets.empty() ? "" : targets[0].output();
  for (const TargetChoice& target : targets) {
    if (target.output() == output) continue;
    throw Error(Fault::usage, "the targets look at different outputs ('" + output + "' and '" + target.output() +
                                  "'), but one pass serves all; run attune once for each");
  }
  const auto image = std::dynamic_pointer_cast<ImageModel>(model);
  if (output.empty() || !image || image->options().output == output) return model;
  return image->with_output(output);
}

void read_target_files(TargetFileReader reader) { file_reader() = std::move(reader); }

}  // namespace attune
