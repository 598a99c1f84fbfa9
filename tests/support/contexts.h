// `with` blocks for TorchScript that is written in C++: the classes behind them, as PyTorch's exporter writes them.
#pragma once

#include <memory>
#include <string>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/frontend/sugared_value.h>
#include <torch/csrc/jit/serialization/import_source.h>

namespace attune::test {

inline const char* context_source(const std::string& file) {
  if (file == "__torch__.torch.autograd.grad_mode") {
    return R"(class no_grad:
  prev : bool
  def __enter__(self: __torch__.torch.autograd.grad_mode.no_grad) -> NoneType:
    self.prev = torch.is_grad_enabled()
    torch.set_grad_enabled(False)
    return None
  def __exit__(self: __torch__.torch.autograd.grad_mode.no_grad, exc_type: Any, exc_value: Any, traceback: Any) -> NoneType:
    prev = self.prev
    torch.set_grad_enabled(prev)
    return None
  def __init__(self: __torch__.torch.autograd.grad_mode.no_grad) -> NoneType:
    self.prev = False
    return None
)";
  }
  if (file == "__torch__.torch.amp.autocast_mode") {
    return R"(class autocast:
  _enabled : bool
  device : str
  fast_dtype : Optional[int]
  def __enter__(self: __torch__.torch.amp.autocast_mode.autocast) -> __torch__.torch.amp.autocast_mode.autocast:
    return self
  def __exit__(self: __torch__.torch.amp.autocast_mode.autocast, exc_type: Any, exc_val: Any, exc_tb: Any) -> NoneType:
    return None
  def __init__(self: __torch__.torch.amp.autocast_mode.autocast, device_type: str, dtype: Optional[int]=None,
    enabled: bool=True) -> NoneType:
    self._enabled = enabled
    self.device = device_type
    self.fast_dtype = dtype
    return None
)";
  }
  return R"(class record_function:
  name : str
  args : Optional[str]
  record : Optional[__torch__.torch.classes.profiler._RecordFunction]
  def __enter__(self: __torch__.torch.autograd.profiler.record_function) -> __torch__.torch.autograd.profiler.record_function:
    name = self.name
    args = self.args
    self.record = ops.profiler._record_function_enter_new(name, args)
    return self
  def __exit__(self: __torch__.torch.autograd.profiler.record_function, exc_type: Any, exc_value: Any, traceback: Any) -> NoneType:
    record = self.record
    if torch.__isnot__(record, None):
      record0 = unchecked_cast(__torch__.torch.classes.profiler._RecordFunction, record)
      ops.profiler._record_function_exit(record0)
    else:
      pass
    return None
  def __init__(self: __torch__.torch.autograd.profiler.record_function, name: str, args: Optional[str]=None) -> NoneType:
    self.name = name
    self.args = args
    self.record = None
    return None
)";
}

// Knows `no_grad`, `autocast` and `record_function` beside `torch`.
class Contexts : public torch::jit::Resolver {
 public:
  std::shared_ptr<torch::jit::SugaredValue> resolveValue(const std::string& name, torch::jit::GraphFunction& /*method*/,
                                                         const torch::jit::SourceRange& /*place*/) override {
    if (name == "torch") return std::make_shared<torch::jit::BuiltinModule>("aten");
    if (name == "no_grad") return value("torch.autograd.grad_mode.no_grad");
    if (name == "autocast") return value("torch.amp.autocast_mode.autocast");
    if (name == "record_function") return value("torch.autograd.profiler.record_function");
    return nullptr;
  }
  c10::TypePtr resolveType(const std::string& /*name*/, const torch::jit::SourceRange& /*place*/) override {
    return nullptr;
  }

 private:
  static std::shared_ptr<torch::jit::SugaredValue> value(const std::string& name) {
    static const auto unit = std::make_shared<torch::jit::CompilationUnit>();
    static const std::vector<c10::IValue> no_constants;
    const auto load = [](const std::string& file) {
      return std::make_shared<torch::jit::Source>(std::string(context_source(file)));
    };
    static const torch::jit::SourceImporter importer(unit, &no_constants, load, 10);
    return std::make_shared<torch::jit::ClassValue>(importer.loadType("__torch__." + name)->expect<c10::ClassType>());
  }
};

inline torch::jit::ResolverPtr contexts() { return std::make_shared<Contexts>(); }

}  // namespace attune::test
