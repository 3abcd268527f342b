#include "systems/formats/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "systems/formats/testing.h"

namespace strata::runtime {
namespace {

using testing::HasSubstr;

std::string File(const std::string& header, size_t data_bytes, char fill = 0) {
  const uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), 8) + header + std::string(data_bytes, fill);
}

std::string Error(const std::string& file) {
  // A buffer of exactly this size, so that a sanitizer sees every byte that is read beyond it.
  const std::vector<std::byte> bytes(AsBytes(file).begin(), AsBytes(file).end());
  const auto parsed = SafeTensors::Parse(bytes);
  return parsed.ok() ? "ok" : std::string(parsed.status().message());
}

TEST(SafeTensorsTest, ReadsWhatItWrites) {
  TensorBag bag;
  bag.Floats("b/weight \"x\"\n\xC3\xA9", {2, 3}, {1, 2, 3, 4, 5, 6});
  bag.Ints("ids", {2}, {-1, 7});
  bag.Floats("empty", {0, 4}, {});
  bag.Floats("scalar", {}, {2.5f});
  const std::string file = bag.Bytes();
  const auto parsed = SafeTensors::Parse(AsBytes(file));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_EQ(parsed->entries().size(), 4u);
  for (const NamedTensor& tensor : bag.tensors()) {
    const SafeTensors::Entry* entry = parsed->Find(tensor.name);
    ASSERT_NE(entry, nullptr) << tensor.name;
    EXPECT_EQ(ShapeText(entry->view), ShapeText(tensor.view));
    EXPECT_EQ(entry->view.dtype, tensor.view.dtype);
    EXPECT_EQ(std::memcmp(entry->view.data, tensor.view.data, entry->num_bytes), 0);
  }
  EXPECT_EQ(parsed->Find("none"), nullptr);
}

TEST(SafeTensorsTest, ReadsTheFormatsOwnExamples) {
  EXPECT_EQ(Error(File("{}", 0)), "ok");
  EXPECT_EQ(Error(File("{}      ", 0)), "ok");
  EXPECT_EQ(
      Error(File(R"({"__metadata__": {"format": "pt"}, "a": {"dtype": "BOOL", "shape": [2], "data_offsets": [0, 2]}})",
                 2)),
      "ok");
}

TEST(SafeTensorsTest, RefusesHeadersThatLieAboutTheirSize) {
  EXPECT_THAT(Error(""), HasSubstr("has 0 bytes, wanted at least 8"));
  EXPECT_THAT(Error("1234567"), HasSubstr("has 7 bytes"));
  EXPECT_THAT(Error(std::string(8, '\xff')), HasSubstr("the header has 18446744073709551615 bytes, wanted at most 0"));
  EXPECT_THAT(Error(File("", 0)), HasSubstr("does not begin with {"));
  EXPECT_THAT(Error(File(" {}", 0)), HasSubstr("does not begin with {"));
  EXPECT_THAT(Error(File("{\"a\"", 0)), HasSubstr("not valid"));
  EXPECT_THAT(Error(File("{\"a\": {\"b\": {\"c\": {\"d\": {}}}}}", 0)), HasSubstr("deeper than"));
}

std::string Tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + "\": {\"dtype\": \"" + dtype + "\", \"shape\": " + shape + ", \"data_offsets\": " + offsets +
         "}";
}

TEST(SafeTensorsTest, RefusesOffsetsThatOverlapLeaveGapsOrRunOut) {
  const auto two = [](const std::string& a, const std::string& b, size_t bytes) {
    return Error(File("{" + Tensor("a", "F32", "[2]", a) + ", " + Tensor("b", "F32", "[2]", b) + "}", bytes));
  };
  EXPECT_EQ(two("[0, 8]", "[8, 16]", 16), "ok");
  EXPECT_EQ(two("[8, 16]", "[0, 8]", 16), "ok");
  EXPECT_THAT(two("[0, 8]", "[4, 12]", 12), HasSubstr("tensor \"b\" begins at byte 4, inside the tensor before it"));
  EXPECT_THAT(two("[0, 8]", "[0, 8]", 8), HasSubstr("inside the tensor before it"));
  EXPECT_THAT(two("[0, 8]", "[12, 20]", 20), HasSubstr("after a gap: wanted 8"));
  EXPECT_THAT(two("[4, 12]", "[12, 20]", 20), HasSubstr("after a gap: wanted 0"));
  EXPECT_THAT(two("[0, 8]", "[8, 16]", 17), HasSubstr("the tensors end at byte 16 of 17"));
  EXPECT_THAT(two("[0, 8]", "[8, 16]", 15), HasSubstr("an offset is 16, wanted an integer from 0 to 15"));
  EXPECT_THAT(two("[0, 8]", "[16, 8]", 16), HasSubstr("wanted 8 bytes as dtype and shape say"));
  EXPECT_THAT(two("[0, 7]", "[7, 15]", 15), HasSubstr("wanted 8 bytes"));
  EXPECT_THAT(two("[-8, 0]", "[8, 16]", 16), HasSubstr("an offset is -8"));
  EXPECT_THAT(two("[0, 8, 8]", "[8, 16]", 16), HasSubstr("more than 2 numbers"));
  EXPECT_THAT(two("[0]", "[8, 16]", 16), HasSubstr("1 numbers"));
  EXPECT_THAT(two("[0.0, 8]", "[8, 16]", 16), HasSubstr("an offset is a number"));
}

TEST(SafeTensorsTest, RefusesShapesThatOverflow) {
  const auto one = [](const std::string& dtype, const std::string& shape) {
    return Error(File("{" + Tensor("a", dtype, shape, "[0, 0]") + "}", 0));
  };
  EXPECT_EQ(one("F32", "[0]"), "ok");
  EXPECT_THAT(one("F32", "[4294967296, 4294967296]"), HasSubstr("more elements than fit in 64 bits"));
  EXPECT_THAT(one("F32", "[0, 4294967296, 4294967296]"), HasSubstr("more elements than fit in 64 bits"));
  EXPECT_THAT(one("F64", "[2305843009213693952]"), HasSubstr("more elements than fit in 64 bits"));
  EXPECT_THAT(one("F32", "[18446744073709551615]"), HasSubstr("a size is"));
  EXPECT_THAT(one("F32", "[-1]"), HasSubstr("a size is -1"));
  EXPECT_THAT(one("F32", "[0,0,0,0,0,0,0,0,0]"), HasSubstr("more than 8 dims"));
  EXPECT_THAT(one("F8_E4M3", "[0]"), HasSubstr("dtype is \"F8_E4M3\", wanted F32"));
}

TEST(SafeTensorsTest, RefusesNamesThatComeTwiceUnknownKeysAndBadBools) {
  const std::string a = Tensor("a", "F32", "[0]", "[0, 0]");
  EXPECT_THAT(Error(File("{" + a + ", " + a + "}", 0)), HasSubstr("the key \"a\" comes twice"));
  EXPECT_THAT(Error(File("{\"\": {}}", 0)), HasSubstr("a name has 0 bytes"));
  EXPECT_THAT(Error(File("{\"a\": 1}", 0)), HasSubstr("found a number, wanted an object"));
  EXPECT_THAT(Error(File("{\"a\": {\"dtype\": \"F32\", \"shape\": [], \"data_offsets\": [0, 4], \"x\": 1}}", 4)),
              HasSubstr("unknown key"));
  EXPECT_THAT(Error(File("{\"__metadata__\": {\"a\": 1}}", 0)), HasSubstr("wanted a string"));
  EXPECT_THAT(Error(File("{" + Tensor("a", "BOOL", "[2]", "[0, 2]") + "}", 2, 2)),
              HasSubstr("the byte 2, wanted 0 or 1"));
}

}  // namespace
}  // namespace strata::runtime
