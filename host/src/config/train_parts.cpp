// Things of a training config that are one of several, with keys of their own.

#include "config/train_keys.h"

namespace attune {
namespace {

template <class A>
Part<Augmentation> augmentation(const std::string& name, const std::string& help, const std::vector<Key<A>>& its_keys,
                                const A& defaults = {}) {
  std::vector<Key<Augmentation>> keys;
  for (const Key<A>& key : its_keys) {
    keys.push_back(lifted<Augmentation>(
        key, [](auto& all) -> auto& { return std::get<A>(all); }));
  }
  return {name, help, keys, defaults, [](const Augmentation& one) { return std::holds_alternative<A>(one); }};
}

template <class M>
Part<M> kind_of(const std::string& name, const std::string& help, const M& defaults, const std::vector<Key<M>>& keys) {
  return {name, help, keys, defaults, [kind = defaults.kind](const M& one) { return one.kind == kind; }};
}

}  // namespace

Form<Augmentation> augmentation_form() {
  const auto change = [](const std::string& name, double ColourJitter::*member) {
    return key(name, member, Range{0, 1}, "Largest change of the " + name + ", as a share, either way");
  };
  return form::part(Parts<Augmentation>{
      augmentation<Rotate>("rotate", "Turned about the centre",
                           {key("degrees", &Rotate::degrees, Range{0, 180}, "Largest angle, either way")}),
      augmentation<Flip>("flip", "Mirrored",
                         {key("horizontal", &Flip::horizontal, Range{0, 1}, "Probability of left becoming right"),
                          key("vertical", &Flip::vertical, Range{0, 1}, "Probability of up becoming down")}),
      augmentation<Crop>("crop", "A part of it, anywhere",
                         {key("share", &Crop::share, Range{0.05, 1}, "Of the height and of the width, that is kept")}),
      augmentation<ColourJitter>(
          "jitter", "Colours changed",
          {change("brightness", &ColourJitter::brightness), change("contrast", &ColourJitter::contrast),
           change("saturation", &ColourJitter::saturation),
           key("hue", &ColourJitter::hue, Range{0, 0.5},
               "Largest turn of the hue, as a share of the circle, either way")},
          {0, 0, 0, 0})});
}

Form<OptimizerConfig> optimizer_form() {
  using Config = OptimizerConfig;
  const Key<Config> rate = key("lr", &Config::lr, Range{0, largest}, "Learning rate"),
                    decay = key("weight_decay", &Config::weight_decay, Range{0, largest},
                                "Weight decay; of adam and sgd added to the gradient");
  const std::vector<Key<Config>> adaptive = {
      rate, decay, key("beta1", &Config::beta1, Range{0, 0.999999}, "Memory of the gradient's mean"),
      key("beta2", &Config::beta2, Range{0, 0.999999}, "Memory of the gradient's square"),
      key("epsilon", &Config::epsilon, Range{1e-30, 1}, "Added to the root of the square")};
  const std::vector<Key<Config>> descent = {
      rate, decay, key("momentum", &Config::momentum, Range{0, 0.999999}, "Memory of the direction"),
      key("nesterov", &Config::nesterov, "Look ahead along the direction")};
  Config adam, adamw, sgd;
  adamw.kind = Config::Kind::adamw;
  adamw.weight_decay = 1e-2;
  sgd.kind = Config::Kind::sgd;
  sgd.lr = 1e-2;
  const Parts<Config> parts = {kind_of("adam", "Adam", adam, adaptive),
                               kind_of("adamw", "Adam with decoupled weight decay", adamw, adaptive),
                               kind_of("sgd", "Gradient descent", sgd, descent)};
  return form::checked<Config>(form::part(parts), check_optimizer);
}

Form<ScheduleConfig> schedule_form() {
  using Config = ScheduleConfig;
  const Key<Config> warm_up =
      key("warm_up", &Config::warm_up, Range{0, 1}, "Share of the stage's steps over which the rate rises from 0");
  Config constant, cosine, step;
  cosine.kind = Config::Kind::cosine;
  step.kind = Config::Kind::step;
  return form::part(Parts<Config>{
      kind_of<Config>("constant", "The same rate throughout", constant, {warm_up}),
      kind_of<Config>("cosine", "Half a cosine, down to the floor", cosine,
                      {warm_up, key("floor", &Config::floor, Range{0, 1}, "Rate in the end, as a share of the first")}),
      kind_of<Config>("step", "Smaller every few epochs", step,
                      {warm_up, key("factor", &Config::factor, Range{0, 1}, "The rate is multiplied by it"),
                       key("every", &Config::every, Range{1, 1000000}, "Epochs between")})});
}

}  // namespace attune
