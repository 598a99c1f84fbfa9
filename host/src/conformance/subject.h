// A component under test as a function of tensors, so that one check serves methods, matchers and correlations alike.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <attune/catalogue.h>
#include <attune/model.h>
#include <attune/sdk/error.h>

#include "model/failure.h"

namespace attune::conformance {

enum class Verdict { passed, failed, crashed, timeout, skipped };

struct Outcome {
  Verdict verdict;
  std::string message;  // one sentence
};

// What checks end with when they do not pass; the sentence says where, what was found and what was expected.
struct Failed : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct Skipped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class TrialModel {
 public:
  // `input` is the shape of one, [C,S1..Sd]. Throws Error(Fault::input) unless the model takes it in float32 and in
  // float64, alone and in a batch.
  TrialModel(const ImageModel& model, std::vector<int64_t> input);

  std::unique_ptr<ImageModel> copy(at::ScalarType type) const { return model_.copy(type); }
  // [samples,C,S1..Sd]
  std::vector<int64_t> input(int64_t samples) const;
  int rank() const { return static_cast<int>(input_.size()) - 1; }
  int64_t classes() const { return classes_; }

 private:
  int64_t classes_in(at::ScalarType type) const;

  const ImageModel& model_;
  std::vector<int64_t> input_;
  int64_t classes_ = 0;
};

using Tensors = std::vector<at::Tensor>;
using Given = std::map<std::string, ParameterValue>;

// What surrounds a run.
struct Scene {
  int rank = 2;  // spatial dimensions
  at::ScalarType dtype = at::kDouble;
  bool smooth = false;     // the model of methods has no kinks, for finite differences
  bool graph = false;      // results must be differentiable
  bool broken = false;     // every question to the pass or the context is answered by an Error
  uint64_t generator = 1;  // seed of the pass's randomness
};

// "rank 2, float32"
std::string to_string(const Scene& scene);

// Tensors that a component is handed while it runs, and what they held then.
class Watch {
 public:
  void add(const std::string& name, const at::Tensor& tensor);
  // The name of the first one that holds something else now, or "".
  std::string changed() const;

 private:
  struct Watched {
    std::string name;
    at::Tensor tensor;
    at::Tensor before;
  };
  std::vector<Watched> tensors_;
};

// A component made from parameters.
class Instance {
 public:
  explicit Instance(const Given& given);
  virtual ~Instance() = default;

  // A method's map for each target, a matcher's pairs one map after the other, a correlation's values; all [N,..],
  // defined and of the form that the interface asks for. Calls the plugin once and throws what it throws. Concurrent.
  virtual Tensors run(const Scene& scene, const Tensors& inputs, Watch* watch = nullptr) const = 0;

  // run() with gradients enabled, whatever mode it leaves behind.
  Tensors guarded(const Scene& scene, const Tensors& inputs) const;
  // The same on copies of the inputs. Throws Failed, which says where, for any exception.
  Tensors results(const Scene& scene, const Tensors& inputs) const;
  // guarded(), but nothing when the plugin throws an attune::Error. Throws Failed, which begins with `place`, for any
  // other exception.
  std::optional<Tensors> unless_refused(const std::string& place, const Scene& scene, const Tensors& inputs) const;
  // "rank 2, float32, relu=true"
  std::string place(const Scene& scene) const;

 private:
  std::string parameters_;
};

// A run that cannot work, and what is wrong with it.
struct Mistake {
  std::string what;
  std::function<void(const Instance&)> run;
};

class Subject {
 public:
  Subject(const Catalogue& catalogue, const Component& component) : catalogue_(catalogue), component_(component) {}
  virtual ~Subject() = default;

  const Descriptor& descriptor() const { return component_.descriptor; }
  // Spatial dimensions that are checked: those declared.
  virtual std::vector<int> ranks() const { return descriptor().ranks; }
  // Whether scenes may ask for a smooth model.
  virtual bool has_smooth_model() const { return true; }
  // The rank that is used where one is enough: 2 when there is.
  int usual_rank() const;

  // Parameters that have no default are added to `given`. Throws what the catalogue throws.
  std::unique_ptr<Instance> make(Given given = {}) const;
  // From its defaults, but integers above 16, which may be numbers of passes, are lowered as far as they may be. Throws
  // Failed.
  std::unique_ptr<Instance> make_quick() const;

  // Random inputs of `samples` samples: of a method the model's input [N,C,S1..Sd] and the classes [N] of a target; of
  // a matcher the model's input and its maps; of a correlation two maps. The same numbers for every floating type.
  virtual Tensors inputs(const Scene& scene, int64_t samples, uint64_t seed) const = 0;
  // The names of `inputs`.
  virtual std::vector<std::string> input_names() const = 0;
  // Of `inputs`, those that checks of odd values and gradients are about.
  virtual std::vector<size_t> maps() const = 0;

  // What else a result depends on, by name: parameters and buffers of the scene's model.
  virtual std::vector<std::pair<std::string, at::Tensor>> weights(const Scene& scene) const;
  // Valid values of `layer` parameters.
  virtual std::vector<std::string> layers() const { return {"auto"}; }
  // Ids of methods that may be nested in it: those that nest none themselves.
  std::vector<std::string> methods() const;
  // Names of the maps that are matched.
  virtual std::vector<std::string> map_names() const { return {}; }
  virtual std::vector<Mistake> mistakes(uint64_t seed) const = 0;

 protected:
  virtual std::unique_ptr<Instance> make_given(const Given& given) const = 0;

  const Catalogue& catalogue_;
  const Component& component_;
};

// `component` is one of the catalogue's, which must live as long, as must `own`: the model that methods run on instead
// of small ones.
std::unique_ptr<Subject> make_subject(const Catalogue& catalogue, const Component& component,
                                      const TrialModel* own = nullptr);
std::unique_ptr<Subject> make_method_subject(const Catalogue& catalogue, const Component& component,
                                             const TrialModel* own);
std::unique_ptr<Subject> make_matcher_subject(const Catalogue& catalogue, const Component& component);
std::unique_ptr<Subject> make_correlation_subject(const Catalogue& catalogue, const Component& component);

// Whether one of its parameters is a method.
bool nests_methods(const Descriptor& descriptor);

// "relu=true, layer=auto"
std::string to_string(const Given& given);

// What `action` gives; whatever it throws becomes Failed, with the place in front of it.
template <class Action>
auto attempt(const std::string& place, Action action) {
  const std::string where = place.empty() ? "" : place + ": ";
  try {
    return action();
  } catch (const Failed& reason) {
    throw Failed(where + reason.what());
  } catch (const Skipped&) {
    throw;
  } catch (const Error& error) {
    throw Failed(where + "it threw an attune::Error: " + error.what());
  } catch (const std::exception& error) {
    throw Failed(where + "it threw an exception: " + reason_of(error));
  } catch (...) {
    throw Failed(where + "it threw something that is no std::exception; throw attune::Error");
  }
}

}  // namespace attune::conformance
