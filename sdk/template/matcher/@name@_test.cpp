// Of a map that the grid divides evenly the mean stays what it is.

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <iostream>

#include <attune/catalogue.h>

namespace {

// What the host gives a matcher.
class Context final : public attune::MatchContext {
 public:
  const at::Tensor& input() const override { return input_; }
  const std::vector<attune::MapInfo>& maps() const override { return maps_; }
  attune::AttentionMap recompute(size_t, const at::Tensor&) override { return {input_, true}; }
  void made(const at::Tensor&) override {}
  at::Generator generator() override { return at::detail::getDefaultCPUGenerator(); }
  void saturated(const at::Tensor&) override {}
  void show(const std::string&, attune::Shown, const at::Tensor&) override {}

 private:
  at::Tensor input_ = at::randn({2, 3, 16, 16});
  std::vector<attune::MapInfo> maps_;
};

}  // namespace

int main(int argc, char** argv) try {
  const auto plugin = attune::Catalogue::load_file(argc > 1 ? argv[1] : "");
  const auto matcher = plugin.make_matcher("@id@", {{"cells", int64_t{4}}});
  const at::Tensor coarse = at::randn({2, 1, 4, 4}), fine = at::randn({2, 1, 16, 8});
  Context context;
  const auto [first, second] = matcher->match(context, {{coarse, false}, {fine, false}}).at(0);
  if (at::equal(first.values, coarse) && second.values.sizes() == coarse.sizes() &&
      at::allclose(second.values.mean({2, 3}), fine.mean({2, 3}), 1e-4, 1e-5)) {
    return 0;
  }
  std::cerr << "matched maps " << first.values << '\n' << second.values << '\n';
  return 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
