// .npy files: what NumPy writes is read, everything else is refused with what was found.
#include "image/npy.h"

#include <gtest/gtest.h>
#include <limits>

#include "support.h"

namespace attune::test {
namespace {

using namespace std::string_literals;

// A .npy file of that version with any header text; `values` are its data.
std::string npy(const std::string& header, const std::string& values, int version = 1) {
  std::string text = header + "\n", length;
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) length += static_cast<char>(text.size() >> 8 * i & 0xff);
  return "\x93NUMPY"s + static_cast<char>(version) + '\0' + length + text + values;
}

std::string header(const std::string& type, const std::string& shape, const std::string& fortran = "False") {
  return "{'descr': '" + type + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
}

std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

std::string refusal_of_npy(const std::string& bytes) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.write("x.npy", bytes);
  const std::string message = message_of(Fault::input, [&] { read_npy(path); });
  EXPECT_TRUE(contains(message, "x.npy: ")) << message;
  return message;
}

TEST(Npy, ReadsVersionsOneToThree) {
  const TemporaryFolder folder;
  for (int version : {1, 2, 3}) {
    const auto path = folder.write("x.npy", npy(header("<f4", "(2, 3)"), floats({0, 1, 2, 3, 4, 5}), version));
    EXPECT_TRUE(at::equal(read_npy(path), at::arange(6, at::kFloat).view({2, 3}))) << version;
  }
}

TEST(Npy, ReadsHeadersOfOtherWriters) {
  const TemporaryFolder folder;
  for (const char* text : {"{\"shape\":(2L,),\"fortran_order\":False,\"descr\":\"<f4\"}",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}   ",
                           "{ 'fortran_order' : False , 'descr' : '=f4', 'shape' : (1, 2 ) , }"}) {
    EXPECT_EQ(read_npy(folder.write("x.npy", npy(text, floats({1, 2})))).numel(), 2) << text;
  }
  EXPECT_EQ(read_npy(folder.write("x.npy", npy(header("<f4", "()"), floats({7})))).item<float>(), 7);
}

TEST(Npy, WritesWhatItReads) {
  const TemporaryFolder folder;
  for (const at::Tensor& tensor : {at::randn({3, 4, 5}), at::randn({7}), at::randn({}), at::randn({4, 6}).t()}) {
    write_npy(folder / "x.npy", tensor);
    EXPECT_TRUE(at::equal(read_npy(folder / "x.npy"), tensor));
    EXPECT_EQ(read_bytes(folder / "x.npy").find('\n') % 64, 63u);
  }
  write_npy(folder / "double.npy", at::ones({2}, at::kDouble).requires_grad_());
  EXPECT_TRUE(at::equal(read_npy(folder / "double.npy"), at::ones({2})));
}

TEST(Npy, ReadsSingleRows) {
  const TemporaryFolder folder;
  const at::Tensor batch = at::randn({4, 3, 5});
  write_npy(folder / "x.npy", batch);
  const NpyFile file(folder / "x.npy");
  EXPECT_EQ(file.shape(), (std::vector<int64_t>{4, 3, 5}));
  for (int64_t row = 0; row < 4; ++row) EXPECT_TRUE(at::equal(file.read_row(row), batch[row]));
  message_of(Fault::input, [&] { file.read_row(4); });
  message_of(Fault::input, [&] { file.read_row(-1); });
}

TEST(Npy, SaysWhichTypeWasFound) {
  const std::string double_type = refusal_of_npy(npy(header("<f8", "(1,)"), "12345678"));
  EXPECT_TRUE(contains(double_type, "float64") && contains(double_type, ".astype('float32')")) << double_type;
  EXPECT_TRUE(contains(refusal_of_npy(npy(header(">f4", "(1,)"), "1234")), "big-endian float32"));
  EXPECT_TRUE(contains(refusal_of_npy(npy(header(">f8", "(1,)"), "12345678")), "big-endian float64"));
  EXPECT_TRUE(contains(refusal_of_npy(npy(header("|u1", "(1,)"), "1")), "uint8"));
  EXPECT_TRUE(contains(refusal_of_npy(npy(header("|b1", "(1,)"), "1")), "bool"));
  EXPECT_TRUE(contains(refusal_of_npy(npy(header("<c8", "(1,)"), "12345678")), "complex64"));
  EXPECT_TRUE(contains(refusal_of_npy(npy(header("|O", "(1,)"), "1")), "\"|O\""));
  EXPECT_TRUE(contains(refusal_of_npy(npy(header("<f999999999", "(1,)"), "1")), "type \"<f999999999\""));
  EXPECT_TRUE(contains(refusal_of_npy(npy(header("<f99999999999999999999", "(1,)"), "1")), "type \"<f9999"));
  EXPECT_TRUE(contains(refusal_of_npy(npy(header("<f\x1b" + std::string(100, '8'), "(1,)"), "1")), "\"<f?888"));
  EXPECT_TRUE(
      contains(refusal_of_npy(
                   npy("{'descr': [('a', '<f4'), ('b', '<i4')], 'fortran_order': False, 'shape': (1,), }", "12345678")),
               "structured"));
  EXPECT_TRUE(contains(refusal_of_npy(npy(header("<f4", "(1, 2)", "True"), "12345678")), "Fortran order"));
}

TEST(Npy, SaysHowSizesDiffer) {
  const std::string cut = refusal_of_npy(npy(header("<f4", "(2, 3)"), floats({1, 2, 3})));
  EXPECT_TRUE(contains(cut, "is cut off") && contains(cut, "[2, 3]") && contains(cut, "24") && contains(cut, "12"))
      << cut;
  EXPECT_TRUE(contains(refusal_of_npy(npy(header("<f4", "(1,)"), floats({1, 2}))), "longer than its shape"));
  EXPECT_TRUE(contains(refusal_of_npy(npy(header("<f4", "(0, 3)"), "")), "no values"));
  for (const char* shape : {"(9223372036854775807,)", "(4294967296, 4294967296, 4294967296)"}) {
    EXPECT_TRUE(contains(refusal_of_npy(npy(header("<f4", shape), "1234")), "impossibly large")) << shape;
  }
  refusal_of_npy(npy(header("<f4", "(99999999999999999999999,)"), "1234"));
  refusal_of_npy(npy(header("<f4", "(100000000000,)"), "1234"));
}

TEST(Npy, RefusesDamagedHeaders) {
  EXPECT_TRUE(contains(refusal_of_npy("this is not an array"), "not a .npy file"));
  EXPECT_TRUE(contains(refusal_of_npy("\x93NUM"), "not a .npy file"));
  EXPECT_TRUE(contains(refusal_of_npy(npy(header("<f4", "(1,)"), "1234", 4)), "format version 4"));
  EXPECT_TRUE(contains(refusal_of_npy("\x93NUMPY\x01\0\xff\x7f{'descr'"s), "cut off"));
  EXPECT_TRUE(contains(refusal_of_npy("\x93NUMPY\x02\0\xff\xff\xff\xff"s), "damaged"));
  for (const char* text : {"", "{", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': 1}",
                           "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
                           "{'descr': [[[, 'fortran_order': False, 'shape': (1,)}",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} and more"}) {
    EXPECT_TRUE(contains(refusal_of_npy(npy(text, "1234")), "damaged")) << text;
  }
}

TEST(Npy, NamesTheFirstValueThatIsNotFinite) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(contains(refusal_of_npy(npy(header("<f4", "(2, 3)"), floats({0, 1, 2, 3, nan, infinity}))),
                       "first NaN at index [1, 1]"));
  EXPECT_TRUE(
      contains(refusal_of_npy(npy(header("<f4", "(2,)"), floats({-infinity, 1}))), "first infinity at index [0]"));
  const TemporaryFolder folder;
  const NpyFile file(folder.write("x.npy", npy(header("<f4", "(2, 1, 2)"), floats({0, 1, 2, nan}))));
  file.read_row(0);
  EXPECT_TRUE(contains(message_of(Fault::input, [&] { file.read_row(1); }), "first NaN at index [1, 0, 1]"));
}

TEST(Npy, RefusesWhatIsNoFile) {
  const TemporaryFolder folder;
  EXPECT_TRUE(contains(message_of(Fault::input, [&] { read_npy(folder / "none.npy"); }), "No such file"));
  EXPECT_TRUE(contains(message_of(Fault::input, [&] { read_npy(folder.path()); }), "is a folder"));
  EXPECT_TRUE(contains(message_of(Fault::input, [&] { read_npy(folder.write("e.npy", "")); }), "empty"));
}

}  // namespace
}  // namespace attune::test
