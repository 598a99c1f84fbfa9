// Files that are no TorchScript model.

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <torch/script.h>

#include <attune/sdk/error.h>

#include "models.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

class Archive : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("attune_archive_" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }

  std::string refusal(const fs::path& file) {
    try {
      open_model(file);
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input);
      EXPECT_NE(std::string(error.what()).find(file.string()), std::string::npos) << error.what();
      return error.what();
    }
    return "no error";
  }

  fs::path folder_;
};

TEST_F(Archive, LoadsWhatWasSaved) {
  test::small_model().save((folder_ / "model.pt").string());
  EXPECT_EQ(open_model(folder_ / "model.pt")->layers().size(), 4U);
}

TEST_F(Archive, RefusesEachWithItsOwnSentence) {
  EXPECT_NE(refusal(folder_ / "missing.pt").find("does not exist"), std::string::npos);
  EXPECT_NE(refusal(folder_).find("is a folder"), std::string::npos);
  EXPECT_NE(refusal(write("empty.pt", "")).find("is empty"), std::string::npos);
  EXPECT_NE(refusal(write("text.pt", "hello there")).find("torch.jit.script"), std::string::npos);
  EXPECT_NE(refusal(write("old.pth", "\x80\x02}q\x01.")).find("pickled"), std::string::npos);
}

TEST_F(Archive, RefusesTruncatedFiles) {
  test::small_model().save((folder_ / "model.pt").string());
  std::ifstream whole(folder_ / "model.pt", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(whole)), {});
  EXPECT_NE(refusal(write("half.pt", bytes.substr(0, bytes.size() / 2))).find("truncated"), std::string::npos);
}

TEST_F(Archive, RefusesStateDicts) {
  c10::Dict<std::string, at::Tensor> state;
  state.insert("weight", at::ones({2, 2}));
  const auto bytes = torch::jit::pickle_save(state);
  EXPECT_NE(refusal(write("state.pth", {bytes.begin(), bytes.end()})).find("state dict"), std::string::npos);
}

}  // namespace
}  // namespace attune
