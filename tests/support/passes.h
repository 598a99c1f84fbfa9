// A pass that hands everything on to another one; what a test wants to see or change, it overrides.
#pragma once

#include <string>
#include <vector>

#include <attune/sdk/pass.h>

namespace attune::test {

class PassOver : public Pass {
 public:
  explicit PassOver(Pass& pass) : pass_(pass) {}

  const at::Tensor& input() const override { return pass_.input(); }
  const at::Tensor& output() const override { return pass_.output(); }
  at::Tensor captured(const Capture& capture) override { return pass_.captured(capture); }
  std::string layer(const std::string& name) override { return pass_.layer(name); }
  at::Tensor bias(const Capture& capture) override { return pass_.bias(capture); }
  bool wants_graph() const override { return pass_.wants_graph(); }
  std::vector<at::Tensor> gradients(const at::Tensor& score, const std::vector<at::Tensor>& of, Rectifier r) override {
    return pass_.gradients(score, of, r);
  }
  at::Tensor resume(const Capture& capture, const at::Tensor& x) override { return pass_.resume(capture, x); }
  Model& model() override { return pass_.model(); }
  at::Generator generator() override { return pass_.generator(); }
  void* extension(const char* id) override { return pass_.extension(id); }

 protected:
  Pass& pass_;
};

}  // namespace attune::test
