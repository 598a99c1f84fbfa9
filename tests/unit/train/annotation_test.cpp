// What a loss is told of a batch's boxes.
#include <gtest/gtest.h>

#include "support.h"
#include "train/model/predict.h"

namespace attune::test {
namespace {

ConsistencyLoss loss_with(const std::string& box) {
  const std::string text = R"({"version": 2, "maps": {"cam": {"use": "gradcam", "layer": "act1"},
    "box": )" + box + R"(}, "terms": [{"maps": ["cam", "box"], "match": "upsample", "compare": "energy_inside"}]})";
  return ConsistencyLoss(std::make_shared<TorchScriptModel>(dropping_model()),
                         parse_spec(text, "spec.json", own_plugins()), own_plugins());
}

Batch batch_with_boxes() {
  Batch batch;
  batch.input = seeded({2, 3, 8, 10}, 5);
  batch.labels = at::zeros({2, 4});
  batch.weights = at::ones({2, 4});
  batch.examples = {0, 1};
  batch.boxes = {{{1, {2, 3, 4, 2}, false}, {1, {7, 0, 3, 1}, false}, {3, {0, 0, 10, 8}, true}},
                 {{0, {0, 0, 5, 8}, false}}};
  return batch;
}

TEST(BatchAnnotation, HasAChannelForEachClass) {
  const Batch batch = batch_with_boxes();
  at::Tensor expected = at::zeros({2, 4, 8, 10}, at::kBool);
  expected[0][1].slice(0, 3, 5).slice(1, 2, 6).fill_(true);
  expected[0][1].slice(0, 0, 1).slice(1, 7, 10).fill_(true);
  expected[1][0].slice(1, 0, 5).fill_(true);
  const ConsistencyLoss loss = loss_with("\"annotation\"");
  const at::Tensor annotation = annotation_for(loss, batch);
  EXPECT_TRUE(at::equal(annotation, expected)) << "a difficult object does not count";
  EXPECT_TRUE(at::isfinite(loss(batch.input, nullptr, annotation).loss).item<bool>());
}

TEST(BatchAnnotation, IsMadeOnlyWhereItIsLookedAt) {
  EXPECT_FALSE(annotation_for(loss_with(R"({"use": "saliency", "channels": "norm"})"), batch_with_boxes()).defined());
}

}  // namespace
}  // namespace attune::test
