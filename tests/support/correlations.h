// What the tests of correlations share: values by id, and the properties that every correlation has.
#pragma once

#include "gradients.h"

namespace attune::test {

inline at::Tensor correlate(const std::string& id, const Given& given, const at::Tensor& a, const at::Tensor& b) {
  return own_plugins().make_correlation(id, given)->correlate({a, false}, {b, false});
}

// Two maps of 1 to 3 dimensions, three samples each.
struct MapPair {
  at::Tensor a;
  at::Tensor b;
};

inline std::vector<MapPair> map_pairs() {
  const std::vector<std::vector<int64_t>> shapes{{3, 2, 9}, {3, 1, 6, 7}, {3, 2, 4, 5, 6}};
  std::vector<MapPair> pairs;
  for (const auto& shape : shapes) {
    const at::Tensor shared = seeded(shape, 21);
    pairs.push_back({shared + seeded(shape, 22), shared + seeded(shape, 23) + 0.3});
  }
  return pairs;
}

inline std::string rank_of(const at::Tensor& map) { return "rank " + std::to_string(map.dim() - 2); }

// Value of every pair against `expected`, which computes [N] in another way.
inline void expect_values(const std::string& id, const Given& given,
                          const std::function<at::Tensor(const at::Tensor&, const at::Tensor&)>& expected) {
  for (const auto& [a, b] : map_pairs()) {
    const at::Tensor h = correlate(id, given, a, b), wanted = expected(a, b);
    ASSERT_EQ(h.sizes(), (std::vector<int64_t>{3}));
    EXPECT_TRUE(at::allclose(h, wanted, 1e-10, 1e-12)) << rank_of(a) << ": " << h << wanted;
  }
}

// What holds for every correlation: samples do not mix, derivatives are right, the declared range and symmetry.
inline void expect_properties(const std::string& id, const Given& given) {
  const Descriptor& descriptor = own_plugins().find(id)->descriptor;
  for (const auto& [a, b] : map_pairs()) {
    const std::string place = id + ", " + rank_of(a);
    const at::Tensor h = correlate(id, given, a, b);
    EXPECT_GE(h.min().item<double>(), descriptor.minimum - 1e-12) << place;
    EXPECT_LE(h.max().item<double>(), descriptor.maximum + 1e-12) << place;
    EXPECT_EQ(at::allclose(correlate(id, given, b, a), h, 1e-12, 1e-14), descriptor.symmetric) << place;
    EXPECT_EQ(at::allclose(correlate(id, given, 2.5 * a + 0.7, b), h, 1e-10, 1e-12), descriptor.affine_invariant)
        << place;
    for (int64_t i = 0; i < 3; ++i) {
      const at::Tensor one = correlate(id, given, a.narrow(0, i, 1), b.narrow(0, i, 1));
      EXPECT_TRUE(at::allclose(one, h.narrow(0, i, 1), 1e-12, 1e-14)) << place << ", sample " << i;
    }
    const Function function = [&](const Tensors& maps) { return Tensors{correlate(id, given, maps[0], maps[1])}; };
    expect_derivatives_are_finite_differences(function, {a, b}, place);
  }
}

// In float32, both maps at `scale`: the value, and the gradients with respect to both.
inline Tensors at_scale(const std::string& id, const Given& given, const MapPair& pair, double scale) {
  const at::Tensor a = (pair.a * scale).to(at::kFloat).requires_grad_();
  const at::Tensor b = (pair.b * scale).to(at::kFloat).requires_grad_();
  const at::Tensor h = correlate(id, given, a, b);
  const Tensors gradients = torch::autograd::grad({h.sum()}, {a, b});
  for (const at::Tensor& tensor : {h, gradients[0], gradients[1]}) {
    EXPECT_TRUE(tensor.isfinite().all().item<bool>()) << id << " at scale " << scale << ", " << rank_of(pair.a);
    EXPECT_EQ(tensor.scalar_type(), at::kFloat);
  }
  return {h, gradients[0] * scale, gradients[1] * scale};
}

// Tiny and huge maps have the value, and but for the factor the gradients, of moderate ones.
inline void expect_scale_does_not_matter(const std::string& id, const Given& given) {
  for (const MapPair& pair : map_pairs()) {
    const Tensors moderate = at_scale(id, given, pair, 1);
    for (const double scale : {1e-20, 1e-28, 1e25}) {
      const Tensors scaled = at_scale(id, given, pair, scale);
      for (size_t i = 0; i < 3; ++i) {
        EXPECT_TRUE(at::allclose(scaled[i], moderate[i], 1e-3, 1e-5)) << id << " at scale " << scale << ", part " << i;
      }
    }
  }
}

// Row 1 is constant, as the host never sends it, or nearly so: finite, and the other rows as if it were not there.
inline void expect_constant_rows_are_finite(const std::string& id, const Given& given) {
  for (const double ripple : {0.0, 1e-30}) {
    const at::Tensor a = seeded({3, 1, 4, 4}, 24).to(at::kFloat), b = seeded({3, 1, 4, 4}, 25).to(at::kFloat);
    const at::Tensor before = correlate(id, given, a, b);
    a[1] = ripple * b[1];
    a.requires_grad_();
    b.requires_grad_();
    const at::Tensor h = correlate(id, given, a, b);
    EXPECT_TRUE(h.isfinite().all().item<bool>()) << h;
    EXPECT_TRUE(at::equal(h[0], before[0]) && at::equal(h[2], before[2]));
    for (const at::Tensor& gradient : torch::autograd::grad({h.sum()}, {a, b})) {
      EXPECT_TRUE(gradient.isfinite().all().item<bool>()) << gradient[1];
    }
  }
}

}  // namespace attune::test
