// --boxes: annotations of the inputs of attune loss and attune heatmap.

#include <ATen/ops/zeros.h>

#include "image/image.h"
#include "loss_support.h"

namespace attune::test {
namespace {

std::string voc(const std::string& objects, int64_t height = 32, int64_t width = 32) {
  return "<annotation><size><width>" + std::to_string(width) + "</width><height>" + std::to_string(height) +
         "</height></size>" + objects + "</annotation>";
}

std::string object(const std::string& box, const std::string& more = "") {
  return "<object><name>cat</name>" + more + "<bndbox>" + box + "</bndbox></object>";
}

const std::string upper_left = "<xmin>4</xmin><ymin>6</ymin><xmax>18</xmax><ymax>20</ymax>";
const std::string whole_picture = "<xmin>1</xmin><ymin>1</ymin><xmax>32</xmax><ymax>32</ymax>";

class Annotations : public Loss {
 protected:
  Annotations() {
    write("guided.json", R"({"version": 2, "maps": {"cam": {"use": "gradcam", "relu": true}, "box": "annotation"},
      "terms": [{"maps": ["cam", "box"], "match": "upsample", "compare": "energy_inside"}]})");
    write_picture("a.png", 32, 32);
    fs::create_directory(folder_ / "boxes");
    fs::create_directory(folder_ / "masks");
    write("boxes/a.xml", voc(object(upper_left) + object(whole_picture, "<difficult>1</difficult>")));
    const Image mask = at::zeros({32, 32, 3}, at::kByte);
    mask.slice(0, 5, 20).slice(1, 3, 18).fill_(7);
    write_png(folder_ / "masks" / "a.png", mask);
  }

  double share(const std::vector<std::string>& more) const {
    std::vector<std::string> inputs{"a.png"};
    inputs.insert(inputs.end(), more.begin(), more.end());
    return values(report(inputs, "guided.json")["terms"][0])[0];
  }

  std::string complaint(const std::string& boxes, int code) const {
    const Outcome outcome = run(loss({"a.png", "--boxes", boxes}, "guided.json"));
    EXPECT_EQ(outcome.code, code) << outcome.err;
    return outcome.err;
  }
};

TEST_F(Annotations, BoxesAndMasksOfOneObjectAreOne) {
  const double boxes = share({"--boxes", "boxes"}), masks = share({"--boxes", "masks"});
  EXPECT_GT(boxes, 0.01);
  EXPECT_LT(boxes, 0.99);
  EXPECT_NEAR(boxes, masks, 1e-6);
}

// The upper left quarter, seen through a crop of the middle, is smaller than in the whole picture.
TEST_F(Annotations, FollowTheCrop) {
  write_picture("a.png", 64, 32);
  const std::string top = "<xmin>1</xmin><ymin>1</ymin><xmax>32</xmax><ymax>16</ymax>";
  const std::string middle = "<xmin>1</xmin><ymin>17</ymin><xmax>32</xmax><ymax>32</ymax>";
  write("boxes/a.xml", voc(object(middle), 64));
  EXPECT_GT(share({"--boxes", "boxes", "--crop"}), 0);
  write("boxes/a.xml", voc(object(top), 64));
  const Json report = this->report({"a.png", "--boxes", "boxes"}, "guided.json");
  EXPECT_FALSE(report["terms"][0]["samples"][0]["degenerate"].get<bool>());
}

TEST_F(Annotations, AreDrawn) {
  const Outcome outcome =
      run({"heatmap", "model.pt", "a.png", "--spec", "guided.json", "--boxes", "boxes", "--size", "32"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(files("heatmaps").count("a.box.png"), 1U);
}

TEST_F(Annotations, ThatAreMissingOrOfAnotherPicture) {
  fs::create_directory(folder_ / "none");
  EXPECT_EQ(complaint("none", 5), "attune: a.png: nothing says what is annotated: none has neither a.xml nor a.png\n");
  write("boxes/a.xml", voc(object(upper_left), 40));
  EXPECT_NE(complaint("boxes", 5).find("is of a picture of 32 x 40 pixels, but it has 32 x 32"), std::string::npos);
  write("boxes/a.xml", "<annotation>");
  EXPECT_NE(complaint("boxes", 5).find("is broken XML"), std::string::npos);
  const Outcome outcome = run(loss({"a.png"}, "guided.json"));
  EXPECT_EQ(outcome.code, 2) << outcome.err;
  EXPECT_NE(outcome.err.find("map 'box' is an annotation, and the samples have none"), std::string::npos);
}

}  // namespace
}  // namespace attune::test
