// Whole exchanges, byte for byte. The requests and responses of the published protocol (the Open Inference Protocol's
// "required_api" and Triton's "binary tensor data" extension) are written out by hand here.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "systems/protocol/infer_parser.h"
#include "systems/protocol/infer_writer.h"
#include "systems/protocol/json_writer.h"
#include "systems/protocol/text.h"

namespace strata::protocol {
namespace {

template <class T>
std::string Raw(std::initializer_list<T> values) {
  return std::string(reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T));
}

OutputTensor Output(std::string name, Datatype type, std::vector<int64_t> shape, std::string data, bool binary) {
  return {{std::move(name), type, std::move(shape), TensorData::Own(std::move(data))}, binary};
}

TEST(InferGolden, JsonExchangeOfTheProtocol) {
  const std::string request_body = R"({
  "id" : "42",
  "inputs" : [
    { "name" : "input0", "shape" : [ 2, 2 ], "datatype" : "UINT32", "data" : [ 1, 2, 3, 4 ] },
    { "name" : "input1", "shape" : [ 3 ], "datatype" : "BOOL", "data" : [ true, false, true ] }
  ],
  "outputs" : [ { "name" : "output0" } ]
})";
  const auto request = ParseInferRequest(request_body, std::nullopt, Limits());
  ASSERT_TRUE(request.ok()) << request.status();
  ASSERT_EQ(request->inputs.size(), 2u);
  EXPECT_EQ(request->inputs[0].data.bytes(), Raw<uint32_t>({1, 2, 3, 4}));

  InferResponse response{"mymodel", "1", request->id, {}};
  response.outputs.push_back(
      Output("output0", Datatype::kFp32, {3, 2}, Raw<float>({1.0f, 1.1f, 2.0f, 2.1f, 3.0f, 3.1f}), false));
  const auto encoded = WriteInferResponse(response);
  ASSERT_TRUE(encoded.ok()) << encoded.status();
  EXPECT_FALSE(encoded->has_binary);
  EXPECT_EQ(encoded->content_type(), "application/json");
  EXPECT_EQ(encoded->json, R"({"model_name":"mymodel","model_version":"1","id":"42","outputs":[)"
                           R"({"name":"output0","datatype":"FP32","shape":[3,2],"data":[1,1.1,2,2.1,3,3.1]}]})");
}

TEST(InferGolden, BinaryExchangeOfTheExtension) {
  const std::string json = R"({"model_name":"mymodel","inputs":[{"name":"input0","shape":[2,2],"datatype":"UINT32",)"
                           R"("parameters":{"binary_data_size":16}},{"name":"input1","shape":[3],"datatype":"BOOL",)"
                           R"("parameters":{"binary_data_size":3}}],)"
                           R"("outputs":[{"name":"output0","parameters":{"binary_data":true}}]})";
  // The extension's own example has "model_name" inside the request, though its grammar does not.
  const std::string body = json + Raw<uint32_t>({1, 2, 3, 4}) + Raw<uint8_t>({1, 0, 1});
  const auto request = ParseInferRequest(body, *ParseHeaderLength(Cat(json.size()), body.size()), Limits());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->inputs[0].data.bytes(), Raw<uint32_t>({1, 2, 3, 4}));
  EXPECT_TRUE(request->WantsBinary("output0"));

  InferResponse response{"mymodel", "", "", {}};
  response.outputs.push_back(Output("output0", Datatype::kFp32, {3, 2}, Raw<float>({1, 2, 3, 4, 5, 6}), true));
  const auto encoded = WriteInferResponse(response);
  ASSERT_TRUE(encoded.ok()) << encoded.status();
  const std::string wanted_json =
      R"({"model_name":"mymodel","outputs":[{"name":"output0","datatype":"FP32","shape":[3,2],)"
      R"("parameters":{"binary_data_size":24}}]})";
  EXPECT_EQ(encoded->json, wanted_json);
  EXPECT_TRUE(encoded->has_binary);
  EXPECT_EQ(encoded->content_type(), "application/octet-stream");
  EXPECT_EQ(encoded->Flatten(), wanted_json + Raw<float>({1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(encoded->size(), encoded->Flatten().size());
}

// What the Python package tritonclient 2.x sends for inputs x (binary FP32), ids (JSON INT64) and s (binary BYTES).
TEST(InferGolden, RequestOfTritonclient) {
  const std::string json =
      R"({"id":"r","inputs":[{"name":"x","shape":[2,3],"datatype":"FP32","parameters":{"binary_data_size":24}},)"
      R"({"name":"ids","shape":[2],"datatype":"INT64","data":[1,-2]},)"
      R"({"name":"s","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":12}}],)"
      R"("outputs":[{"name":"y","parameters":{"binary_data":true}}],"parameters":{"timeout":5000}})";
  EXPECT_EQ(json.size(), 333u);
  const std::string body =
      json + Raw<float>({0, 0.25f, 0.5f, 0.75f, 1, 1.25f}) + std::string("\3\0\0\0h\xC3\xA9\1\0\0\0b", 12);
  const auto request = ParseInferRequest(body, json.size(), Limits());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->timeout_us, 5000);
  EXPECT_EQ(request->inputs[1].data.bytes(), Raw<int64_t>({1, -2}));
  const auto strings = BytesElements(request->inputs[2]);
  ASSERT_TRUE(strings.ok()) << strings.status();
  EXPECT_EQ(*strings, (std::vector<std::string_view>{"h\xC3\xA9", "b"}));
}

TEST(InferWriter, EveryDatatypeInJson) {
  std::string bytes;
  AppendBytesElement("a\"b", &bytes);
  AppendBytesElement("", &bytes);
  InferResponse response{"m", "1", "", {}};
  response.outputs.push_back(Output("a", Datatype::kBool, {2}, Raw<uint8_t>({1, 0}), false));
  response.outputs.push_back(Output("b", Datatype::kInt8, {2}, Raw<int8_t>({-128, 65}), false));
  response.outputs.push_back(Output("c", Datatype::kUint64, {1}, Raw<uint64_t>({~uint64_t{0}}), false));
  response.outputs.push_back(Output("d", Datatype::kFp16, {2}, Raw<uint16_t>({0x3C00, 0x2E66}), false));
  response.outputs.push_back(Output("e", Datatype::kBf16, {2}, Raw<uint16_t>({0x4049, 0x8000}), false));
  response.outputs.push_back(Output("f", Datatype::kFp64, {2}, Raw<double>({0.1, 1e300}), false));
  response.outputs.push_back(Output("g", Datatype::kBytes, {2}, bytes, false));
  response.outputs.push_back(Output("h", Datatype::kFp32, {0}, "", false));
  const auto encoded = WriteInferResponse(response);
  ASSERT_TRUE(encoded.ok()) << encoded.status();
  EXPECT_EQ(encoded->json, R"({"model_name":"m","model_version":"1","outputs":[)"
                           R"({"name":"a","datatype":"BOOL","shape":[2],"data":[true,false]},)"
                           R"({"name":"b","datatype":"INT8","shape":[2],"data":[-128,65]},)"
                           R"({"name":"c","datatype":"UINT64","shape":[1],"data":[18446744073709551615]},)"
                           R"({"name":"d","datatype":"FP16","shape":[2],"data":[1,0.099975586]},)"
                           R"({"name":"e","datatype":"BF16","shape":[2],"data":[3.140625,-0]},)"
                           R"({"name":"f","datatype":"FP64","shape":[2],"data":[0.1,1e+300]},)"
                           R"({"name":"g","datatype":"BYTES","shape":[2],"data":["a\"b",""]},)"
                           R"({"name":"h","datatype":"FP32","shape":[0],"data":[]}]})");
}

TEST(InferWriter, WholeFloatsBeyond64BitsAreNotWrittenAsIntegers) {
  std::string text;
  AppendJsonNumber(906250000000000065536.0, &text);
  text += ' ';
  AppendJsonNumber(-9223372036854775808.0f, &text);
  text += ' ';
  AppendJsonNumber(4503599627370496.0, &text);
  EXPECT_EQ(text, "9.062500000000001e+20 -9.223372e+18 4503599627370496");
}

TEST(InferWriter, WhatJsonCannotCarryIsRefusedButTravelsAsBinary) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const bool binary : {false, true}) {
    InferResponse response{"m", "1", "", {}};
    response.outputs.push_back(Output("y", Datatype::kFp32, {2}, Raw<float>({1, nan}), binary));
    const auto encoded = WriteInferResponse(response);
    EXPECT_EQ(encoded.ok(), binary);
    if (!binary) {
      EXPECT_EQ(encoded.status(),
                absl::FailedPreconditionError("output \"y\": element 1 is NaN, which JSON cannot carry; "
                                              "ask for binary_data"));
    }
  }
  InferResponse response{"m", "1", "", {}};
  response.outputs.push_back(Output("s", Datatype::kBytes, {1}, std::string("\1\0\0\0\xFF", 5), false));
  EXPECT_EQ(WriteInferResponse(response).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(InferWriter, ATensorThatContradictsItselfIsOurFault) {
  InferResponse response{"m", "1", "", {}};
  response.outputs.push_back(Output("y", Datatype::kFp32, {3}, Raw<float>({1, 2}), true));
  EXPECT_EQ(WriteInferResponse(response).status().code(), absl::StatusCode::kInternal);
}

// Every bit pattern that JSON can carry comes back as it was, through JSON and through binary.
TEST(InferRoundTrip, RandomTensorsComeBackBitForBit) {
  std::mt19937_64 random(5);
  constexpr Datatype kTypes[] = {Datatype::kUint8, Datatype::kInt16, Datatype::kInt64, Datatype::kUint64,
                                 Datatype::kFp16,  Datatype::kBf16,  Datatype::kFp32,  Datatype::kFp64};
  int written = 0;
  for (int i = 0; i < 4000; ++i) {
    const Datatype type = kTypes[random() % std::size(kTypes)];
    const auto count = static_cast<int64_t>(random() % 5);
    std::string data;
    while (data.size() < static_cast<size_t>(count) * ElementSize(type)) data.push_back(static_cast<char>(random()));
    for (const bool binary : {false, true}) {
      InferResponse response{"m", "1", "", {}};
      response.outputs.push_back(Output("t", type, {count, 1}, data, binary));
      const auto encoded = WriteInferResponse(response);
      if (!encoded.ok()) continue;  // a NaN or an infinity, by chance
      ++written;
      // A response's tensor has the form of a request's.
      const size_t at = encoded->json.find("\"outputs\"");
      const std::string json = "{\"inputs\"" + encoded->json.substr(at + 9);
      const std::string body = binary ? json + data : json;
      const auto back = ParseInferRequest(body, binary ? std::optional(json.size()) : std::nullopt, Limits());
      ASSERT_TRUE(back.ok()) << back.status() << json;
      ASSERT_EQ(back->inputs[0].data.bytes(), data) << json;
    }
  }
  EXPECT_GT(written, 6000);
}

}  // namespace
}  // namespace strata::protocol
