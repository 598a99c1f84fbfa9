// Files appear complete or not at all, and nothing is left behind.
#include "image/output_file.h"

#include <csignal>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "image/npy.h"
#include "support.h"

namespace attune::test {
namespace {

// A full disk, as far as a process can tell: files may not grow beyond `bytes`.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST(OutputFile, AppearsWithTheCommit) {
  const TemporaryFolder folder;
  OutputFile file(folder / "a.txt");
  file.write("one ");
  file.write("two");
  EXPECT_FALSE(std::filesystem::exists(folder / "a.txt"));
  EXPECT_EQ(file.temporary().parent_path(), folder.path());
  file.commit();
  EXPECT_EQ(read_bytes(folder / "a.txt"), "one two");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(OutputFile, LeavesTheOldFileWithoutACommit) {
  const TemporaryFolder folder;
  folder.write("a.txt", "old");
  { OutputFile(folder / "a.txt").write("new"); }
  EXPECT_EQ(read_bytes(folder / "a.txt"), "old");
  EXPECT_EQ(folder.entries(), 1u);
  write_file(folder / "a.txt", "new");
  EXPECT_EQ(read_bytes(folder / "a.txt"), "new");
}

TEST(OutputFile, WritesWhatALinkPointsTo) {
  const TemporaryFolder folder;
  folder.write("goal", "old");
  std::filesystem::create_symlink("goal", folder / "link");
  write_file(folder / "link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(read_bytes(folder / "goal"), "new");
}

TEST(OutputFile, TakesTheLongestNames) {
  const TemporaryFolder folder;
  const std::string name(255, 'x');
  write_file(folder / name, "1");
  EXPECT_EQ(read_bytes(folder / name), "1");
}

TEST(OutputFile, SaysWhyItCannotBeWritten) {
  const TemporaryFolder folder;
  folder.write("file", "");
  const auto reason = [](const std::filesystem::path& path) {
    return message_of(Fault::output, [&] { write_file(path, "x"); });
  };
  EXPECT_TRUE(contains(reason(folder / "none/a.txt"), "none/a.txt: cannot be written: No such file or directory"));
  EXPECT_TRUE(contains(reason(folder / "file/a.txt"), "Not a directory"));
  EXPECT_TRUE(contains(reason(folder.path()), "not a regular file"));
  EXPECT_TRUE(contains(reason("/dev/null"), "not a regular file"));
  EXPECT_TRUE(contains(reason("/proc/self/a.txt"), "cannot be written"));
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(OutputFile, LeavesNothingOnAFullDisk) {
  const TemporaryFolder folder;
  folder.write("a.npy", "old");
  const at::Tensor large = at::zeros({100, 100});
  std::string message;
  {
    const FileSizeLimit limit(5000);
    message = message_of(Fault::output, [&] { write_npy(folder / "a.npy", large); });
    message_of(Fault::output, [&] { write_png(folder / "b.png", at::randint(255, {99, 99, 3}, at::kByte)); });
    message_of(Fault::output, [&] { write_file(folder / "c.json", std::string(5001, ' ')); });
  }
  EXPECT_TRUE(contains(message, "a.npy: cannot be written: File too large")) << message;
  EXPECT_EQ(folder.entries(), 1u);
  EXPECT_EQ(read_bytes(folder / "a.npy"), "old");
}

TEST(OutputFile, IsRemovedOnInterruption) {
  const TemporaryFolder folder;
  OutputFile first(folder / "a"), second(folder / "b");
  first.write("1");
  EXPECT_EQ(folder.entries(), 2u);
  remove_unfinished_outputs();
  EXPECT_EQ(folder.entries(), 0u);
  EXPECT_TRUE(contains(message_of(Fault::output, [&] { first.commit(); }), "interrupted"));
  write_file(folder / "c", "later files are fine");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(OutputFile, OfAKilledProcessIsRemovedWhenAsked) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "below");
  const pid_t child = fork();
  if (child == 0) {
    OutputFile first(folder / "a"), second(folder.path() / "below" / "b");
    first.write("half");
    raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  folder.write("c.part", "");
  folder.write(".attune-notes", "");
  EXPECT_EQ(folder.entries(), 4u);
  remove_abandoned_outputs(folder.path());
  EXPECT_EQ(folder.entries(), 3u) << "below, c.part and .attune-notes";
  EXPECT_TRUE(std::filesystem::is_empty(folder / "below"));
  EXPECT_NO_THROW(remove_abandoned_outputs(folder / "absent"));
}

TEST(OutputFile, IsRemovedByASignalHandler) {
  const TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGINT, [](int) {
      remove_unfinished_outputs();
      _exit(130);
    });
    OutputFile file(folder / "a");
    file.write("half");
    raise(SIGINT);
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_EQ(folder.entries(), 0u);
}

TEST(OutputFile, ManyThreadsAtOnce) {
  const TemporaryFolder folder;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&folder, t] {
      for (int i = 0; i < 20; ++i) write_file(folder / (std::to_string(t) + "." + std::to_string(i)), "x");
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(folder.entries(), 80u);
}

TEST(OutputFolder, IsMadeWithItsParents) {
  const TemporaryFolder folder;
  prepare_output_folder(folder / "a/b/c");
  prepare_output_folder(folder / "a/b/c");
  EXPECT_TRUE(std::filesystem::is_directory(folder / "a/b/c"));
}

TEST(OutputFolder, RefusesFiles) {
  const TemporaryFolder folder;
  folder.write("file", "");
  for (const auto& path : {folder / "file", folder / "file/below", std::filesystem::path("/proc/attune")}) {
    EXPECT_TRUE(contains(message_of(Fault::output, [&] { prepare_output_folder(path); }), "the folder cannot be made"));
  }
}

}  // namespace
}  // namespace attune::test
