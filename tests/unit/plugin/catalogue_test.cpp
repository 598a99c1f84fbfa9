#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <attune/catalogue.h>

#include "support.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

Catalogue good() { return load({fixture_folder("good")}); }

TEST(Catalogue, ListsComponentsByKindAndId) {
  const Catalogue catalogue = good();
  ASSERT_EQ(catalogue.components().size(), 3u);
  EXPECT_EQ(catalogue.components()[0].descriptor.id, "good_copy");
  EXPECT_EQ(catalogue.components()[0].descriptor.kind, ComponentKind::method);
  EXPECT_EQ(catalogue.components()[0].plugin, "good");
  EXPECT_EQ(catalogue.components()[0].version, "1.2.3");
  EXPECT_EQ(catalogue.components()[0].path, fixture("good"));
  EXPECT_EQ(catalogue.components()[1].descriptor.id, "good_dot");
  EXPECT_EQ(catalogue.components()[1].descriptor.kind, ComponentKind::correlation);
  EXPECT_EQ(catalogue.ids(ComponentKind::correlation), (std::vector<std::string>{"good_dot", "good_nothing"}));
  EXPECT_TRUE(catalogue.ids(ComponentKind::matcher).empty());
  EXPECT_TRUE(catalogue.refusals().empty());
}

TEST(Catalogue, ListsPluginsInTheOrderOfLoading) {
  const Catalogue catalogue = load({fixture_folder("marked"), fixture_folder("good")});
  ASSERT_EQ(catalogue.plugins().size(), 2u);
  EXPECT_EQ(catalogue.plugins()[0].name, "marked");
  EXPECT_EQ(catalogue.plugins()[1].name, "good");
  EXPECT_EQ(catalogue.plugins()[1].version, "1.2.3");
}

TEST(Catalogue, StrippedPluginLoads) {
  const std::string whole = read_bytes(fixture("good"));
  const std::string stripped = read_bytes(fixture_folder("stripped") / "attune-good.so");
  ASSERT_LT(stripped.size(), whole.size());
  const Catalogue catalogue = load({fixture_folder("stripped")});
  EXPECT_TRUE(catalogue.refusals().empty());
  EXPECT_NE(catalogue.find("good_copy"), nullptr);
}

TEST(Catalogue, OneFileThroughTwoFoldersIsOnePlugin) {
  const TemporaryFolder folder;
  fs::create_symlink(fixture("good"), folder.path() / "attune-good.so");
  const Catalogue catalogue = load({fixture_folder("good"), folder.path(), fixture_folder("good")});
  EXPECT_TRUE(catalogue.refusals().empty());
  EXPECT_EQ(catalogue.plugins().size(), 1u);
}

TEST(Catalogue, CorrelationsCompute) {
  const auto dot = good().make_correlation("good_dot");  // outlives its catalogue
  const at::Tensor a = at::arange(6, at::kDouble).view({2, 1, 3}).requires_grad_();
  const at::Tensor h = dot->correlate({a, true}, {at::ones({2, 1, 3}, at::kDouble), true});
  EXPECT_TRUE(h.equal(at::tensor({3.0, 12.0}, at::kDouble)));
  h.sum().backward();
  EXPECT_TRUE(a.grad().equal(at::ones({2, 1, 3}, at::kDouble)));
}

TEST(Catalogue, MethodsAreMadeFromParameters) {
  const Catalogue catalogue = good();
  EXPECT_NE(catalogue.make_method("good_copy"), nullptr);
  EXPECT_NE(catalogue.make_method("good_copy", {{"scale", 2.0}}), nullptr);
  EXPECT_EQ(message_of([&] {
              catalogue.make_method("good_copy", {{"scale", 20.0}});
            }),
            "method \"good_copy\": parameter \"scale\" must be at most 10, not 20");
  EXPECT_EQ(message_of([&] {
              catalogue.make_method("good_copy", {{"scal", 2.0}});
            }),
            "method \"good_copy\": unknown parameter \"scal\"; parameters are \"scale\", \"fail\" (did you mean "
            "\"scale\"?)");
}

TEST(Catalogue, FailuresOfAConstructorAreErrors) {
  const Catalogue catalogue = good();
  const auto failing = [&](const std::string& how) {
    return message_of([&] { catalogue.make_method("good_copy", {{"fail", how}}); });
  };
  EXPECT_EQ(failing("error"), "method \"good_copy\": refused by the plugin");
  EXPECT_EQ(failing("standard"), "method \"good_copy\" could not be made: broken");
  EXPECT_EQ(failing("other"),
            "method \"good_copy\" could not be made: it threw something that is not a std::exception");
  EXPECT_EQ(message_of([&] { catalogue.make_correlation("good_nothing"); }),
            "correlation \"good_nothing\" could not be made: its factory gave nothing");
}

TEST(Catalogue, UnknownIdsAreAnsweredWithTheNearest) {
  const Catalogue catalogue = good();
  EXPECT_EQ(message_of([&] { catalogue.make_method("good_cpy"); }),
            "unknown method \"good_cpy\"; the only method is \"good_copy\" (did you mean \"good_copy\"?)");
  EXPECT_EQ(message_of([&] { catalogue.make_correlation("good_dto"); }),
            "unknown correlation \"good_dto\"; correlations are \"good_dot\", \"good_nothing\" (did you mean "
            "\"good_dot\"?)");
  EXPECT_EQ(message_of([&] { catalogue.make_matcher("mask"); }), "unknown matcher \"mask\"; no matcher is installed");
  EXPECT_EQ(message_of([&] { catalogue.make_method("good_dot"); }),
            "\"good_dot\" is a correlation, not a method; the only method is \"good_copy\"");
  try {
    catalogue.component(ComponentKind::method, "x");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::spec);
  }
}

TEST(Catalogue, UnknownIdOfARefusedFileSaysWhy) {
  const Catalogue catalogue = load({fixture_folder("good"), fixture_folder("empty")});
  EXPECT_EQ(message_of([&] { catalogue.make_method("empty"); }),
            "unknown method \"empty\"; the only method is \"good_copy\"; " + fixture("empty").string() +
                " was refused: the plugin registers no component");
}

TEST(Catalogue, UnknownIdInARefusedFolderSaysWhy) {
  const TemporaryFolder folder;
  folder.write("attune-wanted.so", "");
  fs::permissions(folder.path(), fs::perms::others_write, fs::perm_options::add);
  const Catalogue catalogue = load({folder.path()});
  EXPECT_EQ(message_of([&] { catalogue.make_method("wanted"); }),
            "unknown method \"wanted\"; no method is installed; " + folder.path().string() +
                " was refused: anyone may write to the folder; take that right away (chmod o-w)");
}

TEST(Catalogue, LoadsOneFile) {
  EXPECT_EQ(Catalogue::load_file(fixture("good")).components().size(), 3u);
  EXPECT_EQ(message_of([] { Catalogue::load_file(fixture("empty")); }),
            fixture("empty").string() + ": the plugin registers no component");
  EXPECT_EQ(message_of([] { Catalogue::load_file("attune-missing.so"); }),
            "attune-missing.so: the file cannot be read: No such file or directory");
}

TEST(Catalogue, LoadsSeveralFiles) {
  const Catalogue catalogue = Catalogue::load_files({fixture("good"), fixture("nested")});
  EXPECT_EQ(catalogue.plugins().size(), 2u);
  EXPECT_EQ(message_of([] {
              Catalogue::load_files({fixture("good"), fixture("empty")});
            }),
            fixture("empty").string() + ": the plugin registers no component");
}

}  // namespace
}  // namespace attune
