// Class folders, CSV lists and unlabelled folders.
#include <cmath>
#include <gtest/gtest.h>

#include "base/csv.h"
#include "datasets.h"

namespace attune::test {
namespace {

class ListedData : public testing::Test {
 protected:
  Dataset read(DataFormat format, const std::string& split) {
    source_.format = format;
    source_.root = folder_.path();
    return read_datasets(source_, {split}).at(0);
  }
  std::string refusal(DataFormat format, const std::string& split) {
    return message_of(Fault::input, [&] { read(format, split); });
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  const TemporaryFolder folder_;
  DataSource source_;
};

class ClassFolders : public ListedData {};

TEST_F(ClassFolders, AreClasses) {
  for (const char* name : {"train/dog/2.jpg", "train/dog/10.png", "train/cat/x.JPG", "train/cat/notes.txt",
                           "train/.hidden/a.jpg", "train/readme.jpg", "val/dog/z.jpg"}) {
    write_at(folder_, name);
  }
  const Dataset dataset = read(DataFormat::folders, "train");
  EXPECT_EQ(dataset.classes, (Strings{"cat", "dog"}));
  EXPECT_EQ(ids_of(dataset), (Strings{"train/cat/x.JPG", "train/dog/10.png", "train/dog/2.jpg"}));
  EXPECT_EQ(dataset.examples[0].labels, Labels{0});
  EXPECT_EQ(dataset.examples[2].labels, Labels{1});
  EXPECT_EQ(dataset.examples[2].path.string(), path("train/dog/2.jpg"));
  EXPECT_FALSE(dataset.clips);
}

TEST_F(ClassFolders, NeedNoSplit) {
  write_at(folder_, "dog/a.jpg");
  EXPECT_EQ(ids_of(read(DataFormat::folders, "")), Strings{"dog/a.jpg"});
}

TEST_F(ClassFolders, HoldVideosForClips) {
  source_.clips = true;
  source_.on_problem = OnProblem::skip;
  write_at(folder_, "left/a.avi");
  write_at(folder_, "left/b.jpg");
  write_at(folder_, "right/c.npy");
  const Dataset dataset = read(DataFormat::folders, "");
  EXPECT_TRUE(dataset.clips);
  EXPECT_EQ(ids_of(dataset), Strings{"left/a.avi"});
  EXPECT_EQ(sentences_of(dataset), Strings{path("right/c.npy") + ": is an array; examples are pictures or videos"});
}

TEST_F(ClassFolders, OutsideOfTheListOfClassesAreNamedOnce) {
  for (const char* name : {"dog/a.jpg", "dgo/a.jpg", "dgo/b.jpg"}) write_at(folder_, name);
  source_.classes = {"cat", "dog"};
  const std::string sentence =
      path("dgo") + ": the class \"dgo\" is not in the list of classes (did you mean \"dog\"?)";
  EXPECT_EQ(refusal(DataFormat::folders, ""), sentence);
  source_.on_problem = OnProblem::skip;
  const Dataset dataset = read(DataFormat::folders, "");
  EXPECT_EQ(sentences_of(dataset), Strings{sentence});
  EXPECT_EQ(dataset.classes, source_.classes);
  EXPECT_EQ(ids_of(dataset), Strings{"dog/a.jpg"});
}

TEST_F(ClassFolders, ThatAreEmptyAreNamed) {
  write_at(folder_, "cat/a.jpg");
  write_at(folder_, "dog/notes.txt");
  EXPECT_EQ(refusal(DataFormat::folders, ""),
            path("dog") + ": the folder has no pictures and no .npy or NIfTI files in it");
  EXPECT_EQ(refusal(DataFormat::folders, "nowhere"),
            path("nowhere") + ": the folder cannot be read: No such file or directory");
  EXPECT_EQ(refusal(DataFormat::folders, "cat"), path("cat") + ": the split is empty");
}

class CsvList : public ListedData {
 protected:
  std::string refusal_of(const std::string& text) {
    folder_.write("train.csv", text);
    const std::string message = refusal(DataFormat::csv, "train"), prefix = path("train.csv") + ": ";
    EXPECT_EQ(message.substr(0, prefix.size()), prefix);
    return message.substr(std::min(prefix.size(), message.size()));
  }
};

TEST_F(CsvList, HoldsPathsAndLabels) {
  const auto elsewhere = write_at(folder_, "elsewhere/c.jpg");
  write_at(folder_, "pictures/a, \"b\".jpg");
  write_at(folder_, "b.jpg");
  folder_.write("train.csv",
                "\xef\xbb\xbflabels, path,unsure\r\n dog ; cat,\"pictures/a, \"\"b\"\".jpg\",\r\n\n,b.jpg,\n"
                "ant," +
                    elsewhere.string() + ",ant;dog\n");
  const Dataset dataset = read(DataFormat::csv, "train");
  EXPECT_EQ(dataset.classes, (Strings{"ant", "cat", "dog"}));
  EXPECT_EQ(ids_of(dataset), (Strings{"pictures/a, \"b\".jpg", "b.jpg", elsewhere.string()}));
  EXPECT_EQ(dataset.examples[0].labels, (Labels{1, 2}));
  EXPECT_EQ(dataset.examples[1].labels, Labels{});
  EXPECT_EQ(dataset.examples[2].labels, Labels{0});
  EXPECT_EQ(dataset.examples[2].unsure, Labels{2});
  EXPECT_EQ(dataset.examples[2].path, elsewhere);
}

TEST_F(CsvList, SaysWhatIsWrongInWhichLine) {
  write_at(folder_, "a.jpg");
  EXPECT_EQ(refusal_of("path,labels\na.jpg,dog\na.jpg\n"), "line 3: 1 fields, but the header names 2");
  EXPECT_EQ(refusal_of("path,labels\n,dog\n"), "line 2: the path is missing");
  EXPECT_EQ(refusal_of("path,labels\n\"a.jpg,dog\n"), "line 2: a double quote is not closed");
  EXPECT_EQ(refusal_of("path,label\n"),
            "line 1: unknown column \"label\"; columns are path, labels and unsure (did you mean \"labels\"?)");
  EXPECT_EQ(refusal_of("path,path\n"), "line 1: the column \"path\" stands twice");
  EXPECT_EQ(refusal_of("labels\n"), "line 1: there is no column \"path\"");
  EXPECT_EQ(refusal_of("path\n"), "line 1: there is no column \"labels\"");
  EXPECT_EQ(refusal_of("path,labels\n"), "the split is empty");
  EXPECT_EQ(refusal_of(""), "the file is empty");
  source_.classes = {"cat"};
  EXPECT_EQ(refusal_of("path,labels\na.jpg,cat\na.jpg,dog\n"),
            "line 3: the class \"dog\" is not in the list of classes");
}

TEST_F(CsvList, SkipsLinesWhenAsked) {
  write_at(folder_, "a.jpg");
  folder_.write("val.csv", "path,labels\nmissing.jpg,dog\na.jpg,cat\na.jpg\n");
  source_.on_problem = OnProblem::skip;
  const Dataset dataset = read(DataFormat::csv, "val");
  EXPECT_EQ(ids_of(dataset), Strings{"a.jpg"});
  EXPECT_EQ(dataset.classes, Strings{"cat"});
  EXPECT_EQ(sentences_of(dataset), (Strings{path("missing.jpg") + ": cannot be read: No such file or directory",
                                            path("val.csv") + ": line 4: 1 fields, but the header names 2"}));
}

class ImageFolder : public ListedData {};

TEST_F(ImageFolder, HasNoLabels) {
  for (const char* name : {"pool/b.jpg", "pool/a.png", "pool/deeper/c.jpg", "pool/v.avi"}) write_at(folder_, name);
  const Dataset dataset = read(DataFormat::images, "pool");
  EXPECT_TRUE(dataset.classes.empty());
  EXPECT_EQ(ids_of(dataset), (Strings{"pool/a.png", "pool/b.jpg", "pool/deeper/c.jpg"}));
  EXPECT_TRUE(dataset.examples[0].labels.empty());
  EXPECT_EQ(refusal(DataFormat::images, "nowhere"), path("nowhere") + ": cannot be read: No such file or directory");
}

TEST(Subset, KeepsTheGivenOrder) {
  Dataset dataset = labelled(3, {{0}, {1}, {2}});
  dataset.problems = {{"broken.jpg", "broken.jpg: cannot be read"}};
  const Dataset chosen = subset(dataset, {2, 0});
  EXPECT_EQ(chosen.classes, dataset.classes);
  EXPECT_EQ(chosen.list, dataset.list);
  EXPECT_EQ(sentences_of(chosen), Strings{"broken.jpg: cannot be read"});
  ASSERT_EQ(chosen.size(), 2);
  EXPECT_EQ(chosen.examples[0].labels, Labels{2});
  EXPECT_EQ(chosen.examples[1].labels, Labels{0});
}

TEST(Csv, WhatIsWrittenIsReadBack) {
  const std::vector<std::string> fields{"", "a,b", "say \"so\"", "plain", ""};
  EXPECT_EQ(csv_line(fields), ",\"a,b\",\"say \"\"so\"\"\",plain,\n");
  EXPECT_EQ(csv_fields(csv_line(fields)), fields);
  for (const double value : {0.1, -1e-300, 3.0, 1.0 / 3}) EXPECT_EQ(csv_value(csv_number(value)), value);
  EXPECT_EQ(csv_number(std::nan("")), "");
  EXPECT_TRUE(std::isnan(csv_value("")));
}

}  // namespace
}  // namespace attune::test
