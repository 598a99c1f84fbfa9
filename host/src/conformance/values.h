// What checks are tried with, tensors and values of parameters, and how results are compared.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <string>
#include <vector>

#include "conformance/subject.h"

namespace attune::conformance {

// Normally distributed, in float64, the same on every machine of one LibTorch.
at::Tensor noise(at::IntArrayRef shape, uint64_t seed);

// Of values alone, without graph; what requires a gradient still does.
Tensors copies(const Tensors& tensors);
// Rows `begin` to `begin + count` of every tensor.
Tensors rows(const Tensors& tensors, int64_t begin, int64_t count);

// Shape, type and every value, NaN included.
bool same(const at::Tensor& a, const at::Tensor& b);
bool finite(const at::Tensor& tensor);

// The largest difference, relative to the largest magnitude of `expected`; infinity when shapes differ or one of them
// is not finite.
double difference(const at::Tensor& found, const at::Tensor& expected);
// The larger of several.
double difference(const Tensors& found, const Tensors& expected);

// "[3,1,6,7]"
std::string shape_of(const at::Tensor& tensor);
// "0.0312"
std::string text_of(double value);

// Values that the declaration allows: ends, choices, the default and some between.
std::vector<ParameterValue> allowed_values(const ParameterDeclaration& declared, const Subject& subject, uint64_t seed);
// Values that it does not allow.
std::vector<ParameterValue> refused_values(const ParameterDeclaration& declared);

// Everything default, and every boolean, choice and map parameter with each of its values.
std::vector<Given> variants(const Subject& subject);

}  // namespace attune::conformance
