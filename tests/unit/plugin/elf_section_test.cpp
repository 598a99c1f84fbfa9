// The reader of ELF files believes nothing: broken files give sentences and never a crash.
#include <cstring>
#include <elf.h>
#include <gtest/gtest.h>
#include <random>

#include "plugin/contract.h"
#include "support.h"

namespace attune {
namespace {

const std::string section = ".attune.abi";

class ElfSection : public testing::Test {
 protected:
  // What reading a file with these bytes gives: the section or the sentence.
  std::string read(const std::string& bytes) {
    const auto file = folder_.write("library.so", bytes);
    std::string text;
    const std::string message = message_of([&] { text = read_elf_section(file, section); });
    return message == "no error" ? text : message;
  }

  // The good plugin with another file header.
  template <class Change>
  std::string changed(Change change) const {
    std::string bytes = good_;
    Elf64_Ehdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    change(header);
    std::memcpy(bytes.data(), &header, sizeof header);
    return bytes;
  }

  const std::string good_ = read_bytes(fixture("good"));
  TemporaryFolder folder_;
};

TEST_F(ElfSection, IsRead) {
  const std::string text = read(good_);
  EXPECT_EQ(text.rfind("sdk_major=", 0), 0u) << text;
  EXPECT_NE(text.find("\nname=good\nversion=1.2.3\n"), std::string::npos) << text;
}

TEST_F(ElfSection, OtherMachinesHaveTheirOwnSentences) {
  EXPECT_EQ(read(changed([](Elf64_Ehdr& h) { h.e_ident[EI_CLASS] = ELFCLASS32; })),
            "the library is a 32-bit one, but attune is a 64-bit program");
  EXPECT_EQ(read(changed([](Elf64_Ehdr& h) { h.e_ident[EI_DATA] = 3 - h.e_ident[EI_DATA]; })),
            "the library was built for another byte order than this machine's");
  EXPECT_EQ(read(changed([](Elf64_Ehdr& h) {
              h.e_machine = EM_SPARC;
            })).rfind("the library was built for another machine (ELF machine number 2, expected ", 0),
            0u);
  EXPECT_EQ(read(changed([](Elf64_Ehdr& h) { h.e_type = ET_REL; })), "the file is not a shared library (ELF type 1)");
}

TEST_F(ElfSection, NoSectionTable) {
  EXPECT_EQ(read(changed([](Elf64_Ehdr& h) { h.e_shnum = 0; })),
            "the library has no section table, where .attune.abi would be found");
  EXPECT_EQ(read(changed([](Elf64_Ehdr& h) { h.e_shstrndx = h.e_shnum; })), "the library's section table is malformed");
  EXPECT_EQ(read(changed([](Elf64_Ehdr& h) { h.e_shentsize = 1; })), "the library's section table is malformed");
  EXPECT_EQ(read(changed([](Elf64_Ehdr& h) { h.e_phentsize = 1; })), "the library's program table is malformed");
}

TEST_F(ElfSection, TablesOutsideOfTheFile) {
  const std::string truncated =
      "the library is truncated: it ends after " + std::to_string(good_.size()) + " bytes, before its own tables do";
  EXPECT_EQ(read(changed([](Elf64_Ehdr& h) { h.e_shoff = UINT64_MAX - 8; })), truncated);
  EXPECT_EQ(read(changed([&](Elf64_Ehdr& h) { h.e_shoff = good_.size() - 8; })), truncated);
  EXPECT_EQ(read(changed([](Elf64_Ehdr& h) { h.e_phoff = UINT64_MAX; })), truncated);
}

TEST_F(ElfSection, SegmentsOutsideOfTheFile) {
  std::string bytes = good_;
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  for (int i = 0; i < header.e_phnum; ++i) {
    const size_t offset = header.e_phoff + i * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_filesz);
    const uint64_t huge = UINT64_MAX;
    std::memcpy(bytes.data() + offset, &huge, sizeof huge);
  }
  EXPECT_EQ(read(bytes),
            "the library is truncated: it ends after " + std::to_string(good_.size()) + " bytes, before its code does");
}

TEST_F(ElfSection, EveryTruncationIsRefused) {
  for (size_t size = 0; size < good_.size(); size += size < 4096 ? 7 : 997) {
    const std::string answer = read(good_.substr(0, size));
    const bool refused = answer.find("truncated") != std::string::npos || answer.find("ELF") != std::string::npos;
    EXPECT_TRUE(refused) << size << ": " << answer;
  }
}

TEST_F(ElfSection, DamagedTablesNeverCrash) {
  Elf64_Ehdr header;
  std::memcpy(&header, good_.data(), sizeof header);
  std::mt19937 random(1);
  size_t refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = good_;
    for (int i = 0; i < 4; ++i) {
      // Half of the damage hits the file header, half the section table.
      const size_t table = header.e_shoff + random() % (header.e_shnum * sizeof(Elf64_Shdr));
      bytes[random() % 2 ? EI_NIDENT + random() % (sizeof header - EI_NIDENT) : table] = static_cast<char>(random());
    }
    refused += read(bytes).rfind("sdk_major=", 0) != 0;
  }
  EXPECT_GT(refused, 500u);
}

}  // namespace
}  // namespace attune
