#include "model/run/trial.h"

#include <ATen/core/grad_mode.h>
#include <algorithm>

#include <attune/sdk/error.h>

#include "model/layers/layers.h"

namespace attune {
namespace {

constexpr size_t most_trials = 64;  // of one model that is given inputs of ever new sizes

// Records the layers that a run passes.
class LayerObserver final : public Observer {
 public:
  explicit LayerObserver(const at::Tensor& input) : axes(input) {}

  void layer(const std::string& name, const at::Tensor& x) override {
    const Axes* known = axes.find(x);
    visits.push_back({name, x.sizes().vec(), known == nullptr ? std::nullopt : std::optional(*known)});
  }
  void operation(const std::string& op, const std::vector<c10::IValue>& inputs,
                 const std::vector<c10::IValue>& outputs) override {
    axes.observe(op, inputs, outputs);
  }

  std::vector<LayerVisit> visits;
  AxisTracker axes;
};

// Which axis of a layer grows with the number of inputs; the first one where nobody knows.
size_t axis_of_rows(const LayerVisit& visit) {
  for (size_t i = 0; visit.axes && i < visit.axes->size(); ++i) {
    if (has((*visit.axes)[i], Factor::Source::batch)) return i;
  }
  return 0;
}

// Shapes as they are for one row.
void as_one_row(Trial& trial, int64_t rows) {
  for (LayerVisit& visit : trial.visits) {
    const size_t axis = axis_of_rows(visit);
    if (axis < visit.shape.size() && visit.shape[axis] % rows == 0) visit.shape[axis] /= rows;
  }
}

// Two rows, as one could not be told from axes of size 1; but some models take one only, or a certain number.
std::shared_ptr<const Trial> new_trial(GraphModel::State& state, const at::Tensor& input) {
  const at::Tensor row = input.detach().narrow(0, 0, 1);
  Trial trial;
  for (const at::Tensor& rows : {row.repeat_interleave(2, 0), row, input}) {
    trial = try_out(state, rows);
    as_one_row(trial, rows.size(0));
    if (!trial.failed) break;
  }
  return std::make_shared<const Trial>(std::move(trial));
}

std::set<int64_t> channels_of(const c10::IValue& result, const std::string& selector, const AxisTracker& tracker) {
  std::set<int64_t> channels;
  try {
    const Axes* axes = tracker.find(select_output(result, selector));
    for (size_t i = 0; axes != nullptr && i < axes->size(); ++i) {
      for (const Factor& factor : (*axes)[i]) {
        if (factor.source == Factor::Source::channel) channels.insert(factor.of);
      }
    }
  } catch (const Error&) {  // there is no such output, which is said when it is needed
  }
  return channels;
}

}  // namespace

const LayerVisit* Trial::find(const std::string& layer) const {
  const auto is_it = [&](const LayerVisit& visit) { return visit.name == layer; };
  const auto found = std::find_if(visits.begin(), visits.end(), is_it);
  return found == visits.end() ? nullptr : &*found;
}

bool Trial::gives_scores(const LayerVisit& visit) const {
  if (!visit.axes) return false;
  const auto is_class = [&](const Factor& f) { return f.source == Factor::Source::channel && scores.count(f.of) != 0; };
  return std::any_of(visit.axes->begin(), visit.axes->end(),
                     [&](const Axis& axis) { return std::any_of(axis.begin(), axis.end(), is_class); });
}

Trial try_out(GraphModel::State& state, const at::Tensor& input) {
  const at::AutoGradMode mode(false);
  const auto program = state.programs.live()->get({"", "", {}, Differentiable::no, true});
  const at::Tensor x = input.detach();
  LayerObserver observer(x);
  Trial trial;
  std::vector<c10::IValue> results;
  try {
    results = program->run(state.source.parameters._ivalue(), c10::make_intrusive<GradientRule>(), {x});
  } catch (const std::exception&) {
    trial.failed = true;
  }
  trial.visits = std::move(observer.visits);
  if (!trial.failed) trial.scores = channels_of(results[0], state.options.output, observer.axes);
  return trial;
}

std::shared_ptr<const Trial> trial_of(GraphModel::State& state, const at::Tensor& input) {
  const std::vector<int64_t> extents = input.sizes().slice(1).vec();
  const std::lock_guard<std::mutex> lock(state.trial_mutex);
  const auto known = state.trials.find(extents);
  if (known != state.trials.end()) return known->second;
  if (state.trials.size() == most_trials) state.trials.clear();
  return state.trials[extents] = new_trial(state, input);
}

Layout layout_of(GraphModel::State& state, const std::string& layer, const std::vector<int64_t>& shape,
                 const at::Tensor& input) {
  const auto trial = state.options.layout == "auto" ? trial_of(state, input) : nullptr;
  const LayerVisit* visit = trial == nullptr ? nullptr : trial->find(layer);
  const Axes* axes = visit != nullptr && visit->axes ? &*visit->axes : nullptr;
  return find_layout(shape, input.sizes().vec(), state.options.layout, layer, axes);
}

}  // namespace attune
