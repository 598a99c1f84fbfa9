// attune new: what it writes, and when it does not. That what it writes can be built is tested in tests/package.

#include "support.h"

namespace attune::test {
namespace {

class New : public CommandLine {
 protected:
  std::set<std::string> repository(const std::string& name) const {
    return {".gitignore", "CMakeLists.txt", name + ".cpp", name + "_test.cpp"};
  }
};

TEST_F(New, WritesARepositoryOfEachKind) {
  for (const std::string kind : {"method", "matcher", "correlation"}) {
    const Outcome outcome = run({"new", kind, "acme.edge_energy", "--output", kind});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(files(kind), repository("edge_energy"));
    for (const std::string& file : files(kind)) {
      EXPECT_EQ(read(kind + "/" + file).find('@'), std::string::npos) << file << " has a placeholder";
      expect_parts(outcome.out, {file.c_str()});
    }
    expect_parts(outcome.out, {"cmake -S . -B build -DCMAKE_PREFIX_PATH=", "ctest --test-dir build", "\nguide\n  ",
                               "docs/plugin-guide.md"});
    expect_parts(read(kind + "/edge_energy.cpp"),
                 {"// ## Where it misleads", "// ```json", "d.id = \"acme.edge_energy\"", "d.title = \"Edge energy\"",
                  "class EdgeEnergy final", "ATTUNE_PLUGIN(\"acme.edge_energy\""});
    expect_parts(read(kind + "/CMakeLists.txt"),
                 {"find_package(attune-sdk 0.",
                  "attune_add_plugin(acme.edge_energy SOURCES edge_energy.cpp TEST edge_energy_test.cpp)"});
  }
}

TEST_F(New, TheFolderIsNamedAfterThePlugin) {
  ASSERT_EQ(run({"new", "matcher", "acme.grid"}).code, 0);
  EXPECT_EQ(files("attune-grid"), repository("grid"));
  EXPECT_EQ(files(".").size(), repository("grid").size()) << "something else was left behind";
}

TEST_F(New, AnEmptyFolderAndAnEmptyCloneAreFilled) {
  fs::create_directory(folder_ / "empty");
  ASSERT_EQ(run({"new", "matcher", "acme.grid", "--output", "empty/"}).code, 0);
  EXPECT_EQ(files("empty"), repository("grid"));
  write("clone/.git/config", "mine");
  ASSERT_EQ(run({"new", "matcher", "acme.grid", "--output", "clone"}).code, 0);
  std::set<std::string> expected = repository("grid");
  expected.insert(".git/config");
  EXPECT_EQ(files("clone"), expected);
  ASSERT_EQ(run({"new", "matcher", "acme.grid", "--output", "new/and/deep"}).code, 0);
  EXPECT_EQ(files("new/and/deep"), repository("grid"));
}

TEST_F(New, LeavesWhatIsThere) {
  write("work/notes.txt", "mine");
  write("file", "mine");
  expect_parts(refusal(7, {"new", "matcher", "acme.grid", "--output", "work"}), {"work: is not empty", "--output"});
  expect_parts(refusal(7, {"new", "matcher", "acme.grid", "--output", "file"}), {"file: exists and is not a folder"});
  expect_parts(refusal(7, {"new", "matcher", "acme.grid", "--output", "file/deep"}), {"file"});
  EXPECT_EQ(files("."), (std::set<std::string>{"work/notes.txt", "file"}));
}

TEST_F(New, RefusesNames) {
  const auto refused = [&](const std::string& name) { return refusal(2, {"new", "method", name}); };
  expect_parts(refused("peaks"), {"'peaks'", "without a dot are attune's own", "for example acme.peaks"});
  expect_parts(refused("Acme.Edge-Energy"), {"'Acme.Edge-Energy'", "vendor.name", "for example acme.edge_energy"});
  expect_parts(refused("Peaks"), {"for example acme.peaks"});
  expect_parts(refused("acme.3d"), {"a letter behind the dot"});
  for (const char* name : {"a.b.c", ".x", "x.", ".", "", "acme._", "acme.x/../../y"}) {
    expect_parts(refused(name), {"is no name for a plugin"});
  }
  expect_parts(refusal(2, {"new", "methods", "acme.x"}), {"methods", "method,matcher,correlation"});
  expect_parts(refusal(2, {"new", "method"}), {"NAME is required", "attune new --help"});
  EXPECT_EQ(files("."), std::set<std::string>());
}

}  // namespace
}  // namespace attune::test
