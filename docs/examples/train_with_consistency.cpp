// A training loop of one's own that makes a model's attention maps agree:
//   train_with_consistency MODEL SPEC [STEPS]

#include <ATen/ATen.h>
#include <iostream>
#include <string>
#include <torch/optim/adam.h>
#include <vector>

#include <attune/consistency_loss.h>
#include <attune/model.h>

int main(int argc, char** argv) try {
  if (argc < 3) throw attune::Error(attune::Fault::usage, "train_with_consistency MODEL SPEC [STEPS]");
  const auto catalogue = attune::Catalogue::load(attune::search_folders());
  const auto model = attune::open_model(argv[1]);
  const auto spec = attune::read_spec(argv[2], catalogue);
  const attune::ConsistencyLoss loss(model, spec, catalogue);

  std::vector<at::Tensor> parameters;
  for (const auto& [name, parameter] : model->parameters()) parameters.push_back(parameter);
  torch::optim::Adam optimizer(parameters, torch::optim::AdamOptions(1e-4));

  std::vector<int64_t> shape = model->likely_input();  // [C,S1..Sd]
  shape.insert(shape.begin(), 4);
  const int steps = argc > 3 ? std::stoi(argv[3]) : 10;
  for (int step = 0; step < steps; ++step) {
    // Your data here: [N,C,S1..Sd], normalised as the model was trained.
    const at::Tensor batch = at::rand(shape, at::device(model->device()).dtype(model->dtype()));
    optimizer.zero_grad();
    const attune::LossResult result = loss(batch);
    result.loss.backward();
    optimizer.step();

    std::cout << "step " << step << ": loss " << result.loss.item<double>() << '\n';
    for (const attune::TermReport& term : result.terms) {
      std::cout << "  " << term.name << ':';
      for (int64_t i = 0; i < term.values.size(1); ++i) std::cout << ' ' << term.values[0][i].item<double>();
      std::cout << '\n';
    }
  }
} catch (const attune::Error& error) {
  std::cerr << error.what() << '\n';
  return static_cast<int>(error.fault());
}
