// Models around a TorchScript module that a program already has.
#pragma once

#include <attune/model.h>

namespace torch::jit {
struct Module;
}

namespace attune {

// The module's graph is copied and rewritten once; the module itself is only ever run, never changed.
class TorchScriptModel final : public ImageModel {
 public:
  // As open_model() does with a TorchScript file.
  static std::shared_ptr<TorchScriptModel> load(const std::filesystem::path& path, const ModelOptions& options = {});
  // Shares the module's parameters, so that training it shows in the maps.
  explicit TorchScriptModel(const torch::jit::Module& module, const ModelOptions& options = {});
  ~TorchScriptModel() override;

  const std::vector<LayerInfo>& layers() const override;
  at::Tensor parameter(const std::string& name) const override;
  std::unique_ptr<Pass> forward(const at::Tensor& input, const Needs& needs, bool graph,
                                const at::Generator& generator = {}) override;
  at::Tensor outputs(int64_t rows, const std::function<at::Tensor(int64_t begin, int64_t end)>& make) override;

  std::string source() const override { return "torchscript"; }
  const ModelOptions& options() const override;
  c10::Device device() const override;
  at::ScalarType dtype() const override;
  NamedTensorList parameters() const override;
  NamedTensorList buffers() const override;
  std::unique_ptr<ImageModel> copy(at::ScalarType type) const override;
  void require(const Capture& capture) const override;
  std::string auto_layer(const at::Tensor& input) override;
  std::vector<LayerReport> inspect(const at::Tensor& input) override;
  const std::vector<std::string>& activations() const override;
  const std::vector<std::string>& remarks() const override;
  std::vector<int64_t> likely_input() const override;
  OutputKind output_kind() const override;
  at::Tensor module_output(const at::Tensor& input, bool gradients) const override;
  void refresh() override;

  const torch::jit::Module& module() const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace attune
