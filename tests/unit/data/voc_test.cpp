// PASCAL VOC's folders, whole and broken.
#include <gtest/gtest.h>

#include "datasets.h"

namespace attune::test {
namespace {

std::string object(const std::string& name, const std::string& corners, const std::string& rest = "") {
  std::string text = "<object><name>" + name + "</name>" + rest + "<bndbox>";
  size_t begin = 0;
  for (const std::string key : {"xmin", "ymin", "xmax", "ymax"}) {
    const size_t end = corners.find(' ', begin);
    text += "<" + key + ">" + corners.substr(begin, end - begin) + "</" + key + ">";
    begin = end + 1;
  }
  return text + "</bndbox></object>";
}

std::string annotation(const std::string& objects) {
  return "<annotation>\n<size><width>100</width><height>80</height><depth>3</depth></size>\n" + objects +
         "</annotation>\n";
}

class Voc : public testing::Test {
 protected:
  void SetUp() override { source_.root = folder_.path(); }

  void list(const std::string& ids, const std::string& split = "train") {
    write_at(folder_, "ImageSets/Main/" + split + ".txt", ids);
  }
  // Picture and annotation.
  void add(const std::string& id, const std::string& xml) {
    write_at(folder_, "JPEGImages/" + id + ".jpg");
    write_at(folder_, "Annotations/" + id + ".xml", xml);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  Dataset read() { return read_datasets(source_, {"train"}).at(0); }
  std::string refusal() {
    return message_of(Fault::input, [&] { read(); });
  }
  // What is wrong with one annotation, without its path.
  std::string fault_of(const std::string& xml) {
    list("a\n");
    add("a", xml);
    const std::string message = refusal(), prefix = path("Annotations/a.xml") + ": ";
    EXPECT_EQ(message.substr(0, prefix.size()), prefix);
    return message.substr(std::min(prefix.size(), message.size()));
  }

  const TemporaryFolder folder_;
  DataSource source_;
};

TEST_F(Voc, ReadsExamplesInTheOrderOfTheList) {
  list("b\r\n  a \n\n");
  add("a", annotation(object("dog", "1 1 100 80")));
  add("b", annotation(object("cat", "11 21 30 60") + object(" dog\n", "2.5 3 4 5.25")));
  const Dataset dataset = read();
  EXPECT_EQ(dataset.list.string(), path("ImageSets/Main/train.txt"));
  EXPECT_EQ(dataset.classes, (Strings{"cat", "dog"}));
  EXPECT_EQ(ids_of(dataset), (Strings{"b", "a"}));
  const Example& b = dataset.examples[0];
  EXPECT_EQ(b.path.string(), path("JPEGImages/b.jpg"));
  EXPECT_EQ(b.labels, (Labels{0, 1}));
  EXPECT_EQ(b.unsure, Labels{});
  EXPECT_EQ(b.height, 80);
  EXPECT_EQ(b.width, 100);
  ASSERT_EQ(b.boxes.size(), 2u);
  const auto expect_region = [](const Box& box, int64_t label, const Region& region) {
    EXPECT_EQ(box.label, label);
    EXPECT_EQ(box.region.x, region.x);
    EXPECT_EQ(box.region.y, region.y);
    EXPECT_EQ(box.region.width, region.width);
    EXPECT_EQ(box.region.height, region.height);
  };
  expect_region(b.boxes[0], 0, {10, 20, 20, 40});
  expect_region(b.boxes[1], 1, {1.5, 2, 2.5, 3.25});
  expect_region(dataset.examples[1].boxes.at(0), 1, {0, 0, 100, 80});
}

TEST_F(Voc, MakesClassesOfDifficultObjectsUnsure) {
  list("a\n");
  const std::string hard = "<difficult>1</difficult>", easy = "<difficult>0</difficult>";
  add("a",
      annotation(object("dog", "1 1 5 5", hard) + object("cat", "1 1 5 5", hard) + object("dog", "2 2 9 9", easy)));
  const Dataset dataset = read();
  const Example& example = dataset.examples.at(0);
  EXPECT_EQ(dataset.classes, (Strings{"cat", "dog"}));
  EXPECT_EQ(example.labels, Labels{1});
  EXPECT_EQ(example.unsure, Labels{0});
  EXPECT_TRUE(example.boxes.at(0).difficult);
  EXPECT_TRUE(example.boxes.at(1).difficult);
  EXPECT_FALSE(example.boxes.at(2).difficult);
}

TEST_F(Voc, SharesTheClassesOfAllSplits) {
  list("a\n");
  list("b\n", "val");
  add("a", annotation(object("dog", "1 1 5 5")));
  add("b", annotation(object("ant", "1 1 5 5")));
  const auto parts = read_datasets(source_, {"train", "val"});
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].classes, (Strings{"ant", "dog"}));
  EXPECT_EQ(parts[1].classes, parts[0].classes);
  EXPECT_EQ(parts[0].examples.at(0).labels, Labels{1});
  EXPECT_EQ(parts[1].examples.at(0).labels, Labels{0});
}

TEST_F(Voc, TakesAListOfClasses) {
  list("a\n");
  add("a", annotation(object("dog", "1 1 5 5")));
  source_.classes = {"zebra", "dog"};
  const Dataset dataset = read();
  EXPECT_EQ(dataset.classes, source_.classes);
  EXPECT_EQ(dataset.examples.at(0).labels, Labels{1});
  source_.classes = {"zebra", "dogs"};
  EXPECT_EQ(refusal(),
            path("Annotations/a.xml") + ": the class \"dog\" is not in the list of classes (did you mean \"dogs\"?)");
  source_.classes = {"dog", "cat", "dog"};
  EXPECT_EQ(message_of(Fault::spec, [&] { read(); }), "the list of classes names \"dog\" twice");
}

TEST_F(Voc, AllowsOnePixelOutsideOfThePicture) {
  list("a\n");
  add("a", annotation(object("dog", "0 0 101 81")));
  const Region region = read().examples.at(0).boxes.at(0).region;
  EXPECT_EQ(region.x, 0);
  EXPECT_EQ(region.y, 0);
  EXPECT_EQ(region.width, 100);
  EXPECT_EQ(region.height, 80);
}

TEST_F(Voc, SaysWhatIsWrongWithAnAnnotation) {
  EXPECT_EQ(fault_of(annotation(object("cat", "1 1 5 5") + object("dog", "10 1 102 60"))),
            "object 2 (dog) has a box outside of the picture: pixels 9 to 102 of 100, rows 0 to 60 of 80");
  EXPECT_EQ(fault_of(annotation(object("dog", "-1 1 5 5"))),
            "object 1 (dog) has a box outside of the picture: pixels -2 to 5 of 100, rows 0 to 5 of 80");
  EXPECT_EQ(fault_of(annotation(object("dog", "101 1 101 60"))),
            "object 1 (dog) has a box outside of the picture: pixels 100 to 101 of 100, rows 0 to 60 of 80");
  EXPECT_EQ(fault_of(annotation(object("dog", "10 5 9 60"))), "object 1 (dog) has an empty box");
  EXPECT_EQ(fault_of(annotation(object("dog", "10 5 2x 60"))), "object 1 (dog) has a xmax that is no number: \"2x\"");
  EXPECT_EQ(fault_of(annotation(object("dog", "nan 5 20 60"))), "object 1 (dog) has a xmin that is no number: \"nan\"");
  EXPECT_EQ(fault_of(annotation("<object><name>dog</name></object>")), "object 1 (dog) has no bndbox");
  EXPECT_EQ(fault_of(annotation("<object><name>dog</name><bndbox><xmin>1</xmin></bndbox></object>")),
            "object 1 (dog) has no ymin");
  EXPECT_EQ(fault_of(annotation(object("", "1 1 5 5"))), "object 1 has no name");
  EXPECT_EQ(fault_of("<annotation><size><width>9</width></size></annotation>"), "the size has no height");
  EXPECT_EQ(fault_of("<label>dog</label>"), "is no VOC annotation: it has no <annotation>");
  EXPECT_EQ(fault_of(""), "the file is empty");
  EXPECT_EQ(fault_of("<annotation>\n<size>\n</annotation>\n").substr(0, 14), "is broken XML:");
  EXPECT_EQ(fault_of("dog").substr(0, 14), "is broken XML:");
}

// The parser calls itself for every element, and trees of it take far more memory than their text.
TEST_F(Voc, BoundsAnnotations) {
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "<a>";
  EXPECT_EQ(fault_of(deep), "is no VOC annotation: elements lie more than 64 deep in each other");
  EXPECT_EQ(fault_of(annotation(std::string(1 << 20, ' '))), "is too large for a VOC annotation (more than 1 MB)");
  const std::string comments = "<!-- <a><a> --><note><![CDATA[<a><a>]]></note>";
  std::string flat;
  for (int i = 0; i < 100; ++i) flat += comments + "<empty/><part name=\"x\"/>";
  add("a", annotation(flat + object("dog", "1 1 100 80")));
  list("a\n");
  EXPECT_EQ(read().size(), 1);
}

TEST_F(Voc, NamesWhatIsMissing) {
  list("a\n");
  add("a", annotation(object("dog", "1 1 5 5")));
  std::filesystem::remove(folder_ / "JPEGImages/a.jpg");
  EXPECT_EQ(refusal(), path("JPEGImages/a.jpg") + ": cannot be read: No such file or directory");
  std::filesystem::remove(folder_ / "Annotations/a.xml");
  EXPECT_EQ(refusal(), path("Annotations/a.xml") + ": cannot be read: No such file or directory");
  std::filesystem::remove(folder_ / "ImageSets/Main/train.txt");
  EXPECT_EQ(refusal(), path("ImageSets/Main/train.txt") + ": cannot be read: No such file or directory");
  source_.root = folder_ / "nowhere";
  EXPECT_EQ(refusal(), path("nowhere") + ": there is no such folder of data");
}

TEST_F(Voc, TakesOtherKindsOfPictures) {
  list("a\n");
  add("a", annotation(object("dog", "1 1 5 5")));
  std::filesystem::rename(folder_ / "JPEGImages/a.jpg", folder_ / "JPEGImages/a.png");
  EXPECT_EQ(read().examples.at(0).path.string(), path("JPEGImages/a.png"));
}

TEST_F(Voc, SkipsWhatIsBrokenWhenAsked) {
  source_.on_problem = OnProblem::skip;
  list("a\nb\nc\nd\n");
  add("a", annotation(object("dog", "1 1 5 5")));
  add("b", annotation(object("bee", "5 1 1 5")));
  add("c", annotation(object("cow", "1 1 5 5")));
  add("d", annotation(object("ant", "1 1 5 5")));
  std::filesystem::remove(folder_ / "JPEGImages/c.jpg");
  const Dataset dataset = read();
  EXPECT_EQ(ids_of(dataset), (Strings{"a", "d"}));
  EXPECT_EQ(dataset.classes, (Strings{"ant", "dog"}));  // not of what was left out
  EXPECT_EQ(sentences_of(dataset), (Strings{path("Annotations/b.xml") + ": object 1 (bee) has an empty box",
                                            path("JPEGImages/c.jpg") + ": cannot be read: No such file or directory"}));
  EXPECT_EQ(dataset.problems[0].path.string(), path("Annotations/b.xml"));
  EXPECT_EQ(dataset.problems[1].path.string(), path("JPEGImages/c.jpg"));
}

TEST_F(Voc, RefusesEmptySplits) {
  for (const std::string content : {"", "\n \n"}) {
    list(content);
    EXPECT_EQ(refusal(), path("ImageSets/Main/train.txt") + ": the split is empty");
  }
  source_.on_problem = OnProblem::skip;
  list("a\nb\n");
  EXPECT_EQ(refusal(), path("ImageSets/Main/train.txt") +
                           ": none of the 2 examples of the split can be used; the first: " +
                           path("Annotations/a.xml") + ": cannot be read: No such file or directory");
}

TEST_F(Voc, RefusesTheListOfAClass) {
  list("a  1\nb -1\n");
  EXPECT_EQ(refusal(), path("ImageSets/Main/train.txt") + ": line 1 holds more than the id of a picture: \"a  1\"");
}

TEST_F(Voc, HoldsNoClips) {
  source_.clips = true;
  EXPECT_EQ(message_of(Fault::spec, [&] { read(); }),
            "PASCAL VOC holds pictures, not clips; clips come in class folders or a CSV list");
}

}  // namespace
}  // namespace attune::test
