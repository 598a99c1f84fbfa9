// The losses of labels.
#pragma once

#include <ATen/core/Tensor.h>

namespace attune {

// Whether a sample has any number of classes, or one.
enum class Task { multi_label, single_label };
enum class Objective { bce, cross_entropy };

// Scores [N,K] against labels [N,K], 1 where a sample has the class, weights [N,K], 0 where that is unsure: a scalar.
//
// bce: binary cross-entropy of every sure label, averaged. cross_entropy: of the softmax against the labels of a
// sample, in equal shares where it has several, averaged over the samples that have one; unsure classes have no
// part in a sample's softmax.
at::Tensor objective(Objective kind, const at::Tensor& scores, const at::Tensor& labels, const at::Tensor& weights);

}  // namespace attune
