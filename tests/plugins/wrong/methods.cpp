// Methods that are wrong in one way each, and two that are not; their ids say how. `attune check` must find that fault.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <attune/sdk/error.h>
#include <attune/sdk/plugin.h>

namespace {

using namespace attune;
using Compute = at::Tensor (*)(Pass&, const Target&);

// Input times gradient, summed over the channels.
at::Tensor right(Pass& pass, const Target& target) {
  return (pass.gradients(pass.score(target), {pass.input()})[0] * pass.input()).sum(1, true);
}

at::Tensor uniform(at::IntArrayRef shape, Pass& pass, const at::Tensor& like) {
  return at::rand(shape, pass.generator(), like.options().requires_grad(false));
}

class Method final : public AttentionMethod {
 public:
  explicit Method(Compute compute) : compute_(compute) {}

  Needs needs(const Model&) const override {
    Needs needs;
    needs.captures = {{"auto"}};
    needs.input_gradient = true;
    needs.gradient_calls = 1;
    return needs;
  }
  AttentionMap attend(Pass& pass, const Target& target) const override { return {compute_(pass, target), true}; }

 private:
  Compute compute_;
};

// Keeps its last map in the object. Two threads that use it meet there: the first waits until the second has replaced
// what it kept, or after a while goes on alone.
class KeepsState final : public AttentionMethod {
 public:
  explicit KeepsState(const Parameters&) {}

  Needs needs(const Model& model) const override { return Method(right).needs(model); }
  AttentionMap attend(Pass& pass, const Target& target) const override {
    const at::Tensor map = right(pass, target);
    std::unique_lock<std::mutex> lock(mutex_);
    kept_ = map;
    const bool known = !threads_.insert(std::this_thread::get_id()).second;
    waiting_ = known && threads_.size() > 1 && !waiting_;
    met_.notify_all();
    met_.wait_for(lock, std::chrono::seconds(1), [&] { return !waiting_; });
    waiting_ = false;
    return {kept_, true};
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable met_;
  mutable std::set<std::thread::id> threads_;
  mutable bool waiting_ = false;
  mutable at::Tensor kept_;
};

// The map to a power that need not suit it.
class Power final : public AttentionMethod {
 public:
  explicit Power(const Parameters& parameters) : power_(parameters.real("power")) {}

  Needs needs(const Model& model) const override { return Method(right).needs(model); }
  AttentionMap attend(Pass& pass, const Target& target) const override {
    return {(1 + right(pass, target).abs()).pow(power_), true};
  }

 private:
  double power_;
};

// For models of pictures that have a layer of that name.
class Tokens final : public AttentionMethod {
 public:
  explicit Tokens(const Parameters&) {}

  Needs needs(const Model& model) const override {
    Needs needs = Method(right).needs(model);
    needs.captures = {{"tokens"}};
    return needs;
  }
  AttentionMap attend(Pass& pass, const Target& target) const override {
    return {right(pass, target) * pass.activation("tokens").flatten(1).mean(1).view({-1, 1, 1, 1}), true};
  }
};

// The first target's map for all of them.
class MixesTargets final : public AttentionMethod {
 public:
  explicit MixesTargets(const Parameters&) {}

  Needs needs(const Model& model) const override { return Method(right).needs(model); }
  AttentionMap attend(Pass& pass, const Target& target) const override { return {right(pass, target), true}; }
  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    return std::vector<AttentionMap>(targets.size(), attend(pass, targets[0]));
  }
};

class FailsOnLargeValues final : public AttentionMethod {
 public:
  explicit FailsOnLargeValues(const Parameters& parameters) : how_(parameters.string("how")) {}

  Needs needs(const Model& model) const override { return Method(right).needs(model); }
  AttentionMap attend(Pass& pass, const Target& target) const override {
    if (pass.input().max().item<double>() > 100) fail();
    return {right(pass, target), true};
  }

 private:
  void fail() const {
    if (how_ == "libtorch") at::ones({2}).add(at::ones({3}));
    if (how_ == "standard") throw std::runtime_error("no such weight\nwith a trace");
    if (how_ == "number") throw 42;
    throw Error(Fault::run, "values above 100 are too large");
  }

  std::string how_;
};

Descriptor described(const std::string& name) {
  Descriptor d;
  d.id = "wrong." + name;
  d.title = "Fixture";
  d.backward_passes = 1;
  d.at_input_resolution = true;
  return d;
}

void add(Registry& registry, Descriptor descriptor, Compute compute) {
  registry.add(std::move(descriptor),
               MethodFactory([compute](const Parameters&, Parts&) { return std::make_unique<Method>(compute); }));
}

void add_wrong_values(Registry& registry) {
  add(registry, described("nothing"), right);
  add(registry, described("detaches"), [](Pass& p, const Target& t) { return right(p, t).detach(); });
  add(registry, described("wrong_gradient"), [](Pass& p, const Target& t) {
    const at::Tensor map = right(p, t);
    return 2 * map - map.detach();
  });
  add(registry, described("mixes_samples"), [](Pass& p, const Target& t) {
    const at::Tensor map = right(p, t);
    return map - map.mean(0, true);
  });
  add(registry, described("nan"), [](Pass& p, const Target& t) {
    const at::Tensor map = right(p, t);
    std::vector<int64_t> one(static_cast<size_t>(map.dim()), 1);
    one[0] = map.size(0);
    return map / map.abs().flatten(1).amax(1).view(one);
  });
  add(registry, described("other_shape"), [](Pass& p, const Target& t) { return right(p, t).flatten(2); });
  Descriptor narrow = described("float32_only");
  narrow.differentiable = false;
  add(registry, narrow, [](Pass& p, const Target& t) { return right(p, t).to(at::kFloat); });
}

void add_wrong_randomness(Registry& registry) {
  add(registry, described("random"), [](Pass& p, const Target& t) { return right(p, t) * uniform({1}, p, p.input()); });
  Descriptor random = described("draws_for_each");
  random.deterministic = false;
  add(registry, random, [](Pass& p, const Target& t) {
    const at::Tensor map = right(p, t);
    return map * uniform(map.sizes(), p, map);
  });
  random.id = "wrong.nothing_random";
  add(registry, random, [](Pass& p, const Target& t) { return right(p, t) * uniform({1}, p, p.input()); });
  random.id = "wrong.own_generator";
  add(registry, random, [](Pass& p, const Target& t) { return right(p, t) * at::rand({1}, p.input().options()); });
}

void add_wrong_conduct(Registry& registry) {
  add(registry, described("changes_input"), [](Pass& p, const Target& t) {
    const at::Tensor map = right(p, t).clone();
    if (!p.wants_graph()) p.input().detach().mul_(2);
    return map;
  });
  add(registry, described("changes_activation"), [](Pass& p, const Target& t) {
    const at::Tensor map = right(p, t);
    if (!p.wants_graph()) p.activation("auto").detach().add_(1);
    return map;
  });
  add(registry, described("no_gradients"), [](Pass& p, const Target& t) {
    const at::Tensor map = right(p, t);
    at::GradMode::set_enabled(false);
    return map;
  });
  add(registry, described("throws_number"), [](Pass& p, const Target& t) {
    try {
      return right(p, t);
    } catch (const Error&) {
      throw 42;
    }
  });
  add(registry, described("grows"), [](Pass& p, const Target& t) {
    static std::mutex mutex;
    static std::vector<at::Tensor> all;
    const at::Tensor map = right(p, t);
    const std::lock_guard<std::mutex> lock(mutex);
    all.push_back(map.detach().clone());
    return map;
  });
  registry.add_method<KeepsState>(described("keeps_state"));
  registry.add_method<MixesTargets>(described("mixes_targets"));
  Descriptor power = described("range_too_wide");
  power.parameters = {real("power", 1, {1, 1e5}, "Exponent")};
  registry.add_method<Power>(power);
}

// Right where it works.
void add_particular(Registry& registry) {
  Descriptor tokens = described("tokens");
  tokens.ranks = {2};
  registry.add_method<Tokens>(tokens);
  Descriptor failing = described("fails_on_large_values");
  failing.parameters = {choice("how", "libtorch", {"libtorch", "standard", "number", "error"}, "What it throws")};
  registry.add_method<FailsOnLargeValues>(failing);
}

void add_fatal(Registry& registry) {
  add(registry, described("crashes"), [](Pass& p, const Target& t) {
    std::raise(SIGSEGV);
    return right(p, t);
  });
  add(registry, described("aborts"), [](Pass& p, const Target& t) {
    std::thread([] { throw 42; }).join();
    return right(p, t);
  });
  add(registry, described("exits"), [](Pass& p, const Target& t) {
    std::exit(0);
    return right(p, t);
  });
  add(registry, described("hangs"), [](Pass& p, const Target& t) {
    for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    return right(p, t);
  });
  add(registry, described("prints"), [](Pass& p, const Target& t) {
    for (int line = 0; line < 20000; ++line) std::cout << "{\"a line\": \"of " << line << "\"}\n" << std::flush;
    return right(p, t);
  });
}

}  // namespace

ATTUNE_PLUGIN("wrong.methods", "1.0", registry) {
  add_wrong_values(registry);
  add_wrong_randomness(registry);
  add_wrong_conduct(registry);
  add_particular(registry);
  add_fatal(registry);
}
