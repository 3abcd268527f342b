#include "systems/protocol/infer_parser.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "systems/protocol/text.h"

namespace strata::protocol {
namespace {

absl::StatusOr<InferRequest> Parse(std::string_view json, const Limits& limits = Limits()) {
  return ParseInferRequest(json, std::nullopt, limits);
}

absl::StatusOr<InferRequest> ParseBinary(const std::string& json, const std::string& binary, std::string* body) {
  *body = json + binary;
  return ParseInferRequest(*body, json.size(), Limits());
}

// A request with one input, given as the inside of its object.
std::string One(std::string_view input) { return Cat("{\"inputs\":[{", input, "}]}"); }
std::string Data(std::string_view datatype, std::string_view shape, std::string_view data) {
  return One(Cat("\"name\":\"x\",\"datatype\":\"", datatype, "\",\"shape\":", shape, ",\"data\":", data));
}

std::string Message(std::string_view json) { return std::string(Parse(json).status().message()); }

template <class T>
std::vector<T> Values(const Tensor& tensor) {
  const std::string_view bytes = tensor.data.bytes();
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

TEST(InferParser, ReadsARequestOfTheProtocol) {
  const auto request = Parse(R"({"id":"42","parameters":{"timeout":5000,"binary_data_output":true,"priority":1},
      "inputs":[{"name":"x","shape":[2,2],"datatype":"UINT32","data":[1,2,3,4]},
                {"name":"y","shape":[3],"datatype":"BOOL","data":[true,false,true]}],
      "outputs":[{"name":"a"},{"name":"b","parameters":{"binary_data":false}}]})");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->id, "42");
  EXPECT_EQ(request->timeout_us, 5000);
  ASSERT_EQ(request->inputs.size(), 2u);
  EXPECT_EQ(request->inputs[0].name, "x");
  EXPECT_EQ(request->inputs[0].shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(Values<uint32_t>(request->inputs[0]), (std::vector<uint32_t>{1, 2, 3, 4}));
  EXPECT_EQ(Values<uint8_t>(request->inputs[1]), (std::vector<uint8_t>{1, 0, 1}));
  EXPECT_TRUE(request->WantsBinary("a"));
  EXPECT_FALSE(request->WantsBinary("b"));
}

TEST(InferParser, OutputsAreJsonUnlessAskedFor) {
  const auto request = Parse(R"({"inputs":[{"name":"x","shape":[1],"datatype":"INT8","data":[1]}],
      "outputs":[{"name":"a","parameters":{"binary_data":true}}],"id":null,"parameters":null})");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_TRUE(request->WantsBinary("a"));
  EXPECT_FALSE(request->WantsBinary("b"));
  EXPECT_EQ(request->timeout_us, std::nullopt);
}

TEST(InferParser, FieldsMayComeInAnyOrder) {
  const auto request =
      Parse(R"({"outputs":[],"inputs":[{"data":[[1],[2]],"shape":[2,1],"datatype":"FP32","name":"x"}],"id":"a"})");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(Values<float>(request->inputs[0]), (std::vector<float>{1, 2}));
  EXPECT_EQ(request->id, "a");
}

TEST(InferParser, NestedAndFlatDataAreTheSame) {
  const auto nested = Parse(Data("INT16", "[2,3]", "[[1,2,3],[4,5,6]]"));
  const auto flat = Parse(Data("INT16", "[2,3]", "[1,2,3,4,5,6]"));
  ASSERT_TRUE(nested.ok() && flat.ok()) << nested.status() << flat.status();
  EXPECT_EQ(nested->inputs[0].data.bytes(), flat->inputs[0].data.bytes());
}

TEST(InferParser, EmptyAndScalarTensors) {
  for (const auto& [shape, data] :
       {std::pair("[0]", "[]"), std::pair("[2,0]", "[[],[]]"), std::pair("[2,0]", "[]"), std::pair("[0,3]", "[]")}) {
    const auto request = Parse(Data("FP32", shape, data));
    EXPECT_TRUE(request.ok()) << shape << data << request.status();
  }
  const auto scalar = Parse(Data("FP64", "[]", "[2.5]"));
  ASSERT_TRUE(scalar.ok()) << scalar.status();
  EXPECT_EQ(Values<double>(scalar->inputs[0]), std::vector<double>{2.5});
  EXPECT_FALSE(Parse(Data("FP32", "[2,0]", "[[],[],[]]")).ok());
}

TEST(InferParser, ShapeAndDataMustAgree) {
  EXPECT_EQ(Message(Data("FP32", "[2,3]", "[1,2,3,4,5]")), "input \"x\": data has 5 elements, but shape [2,3] wants 6");
  EXPECT_EQ(Message(Data("FP32", "[2]", "[1,2,3]")),
            "input \"x\": data has more than the 2 elements that shape [2] wants");
  EXPECT_EQ(Message(Data("FP32", "[2,3]", "[[1,2,3],[4,5]]")),
            "input \"x\": an array at nesting level 2 of data has 2 entries, but shape [2,3] wants 3");
  EXPECT_EQ(Message(Data("FP32", "[2,1]", "[[1],[2],[3]]")),
            "input \"x\": an array at nesting level 1 of data has at least 3 entries, but shape [2,1] wants 2");
  EXPECT_EQ(Message(Data("FP32", "[4]", "[[1,2],[3,4]]")),
            "input \"x\": element 0 of data is an array, but wanted a number for FP32");
  EXPECT_EQ(Message(Data("FP32", "[2,1]", "[[1],2]")),
            "input \"x\": element 1 of data is a number, but wanted an array, as the nesting before it says, for FP32");
  EXPECT_EQ(Message(Data("FP32", "[1]", "[]")), "input \"x\": data has 0 elements, but shape [1] wants 1");
  EXPECT_EQ(Message(Data("FP32", "[1]", "7")), "input \"x\": data is not an array");
}

TEST(InferParser, IntegersMustFitTheirDatatype) {
  EXPECT_TRUE(Parse(Data("UINT8", "[2]", "[0,255]")).ok());
  EXPECT_EQ(Message(Data("UINT8", "[2]", "[0,256]")),
            "input \"x\": element 1 of data is \"256\", which UINT8 cannot hold");
  for (const auto& [type, low, high, below, above] :
       {std::tuple("INT8", "-128", "127", "-129", "128"), std::tuple("INT16", "-32768", "32767", "-32769", "32768"),
        std::tuple("INT32", "-2147483648", "2147483647", "-2147483649", "2147483648"),
        std::tuple("INT64", "-9223372036854775808", "9223372036854775807", "-9223372036854775809",
                   "9223372036854775808"),
        std::tuple("UINT16", "0", "65535", "-1", "65536"), std::tuple("UINT32", "0", "4294967295", "-1", "4294967296"),
        std::tuple("UINT64", "0", "18446744073709551615", "-1", "18446744073709551616")}) {
    EXPECT_TRUE(Parse(Data(type, "[2]", Cat("[", low, ",", high, "]"))).ok()) << type;
    EXPECT_FALSE(Parse(Data(type, "[1]", Cat("[", below, "]"))).ok()) << type;
    EXPECT_FALSE(Parse(Data(type, "[1]", Cat("[", above, "]"))).ok()) << type;
    EXPECT_FALSE(Parse(Data(type, "[1]", "[1.0]")).ok()) << type;
    EXPECT_FALSE(Parse(Data(type, "[1]", "[true]")).ok()) << type;
  }
}

TEST(InferParser, FloatsTakeIntegersAndRefuseOverflow) {
  const auto request = Parse(Data("FP32", "[3]", "[1, -0, 100000000000000000000]"));
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(Values<float>(request->inputs[0]), (std::vector<float>{1, -0.0f, 1e20f}));
  EXPECT_EQ(Message(Data("FP32", "[1]", "[1e39]")),
            "input \"x\": element 0 of data is \"1e39\", which FP32 cannot hold");
  EXPECT_FALSE(Parse(Data("FP16", "[1]", "[65520]")).ok());
  EXPECT_FALSE(Parse(Data("FP32", "[1]", "[\"1\"]")).ok());
  EXPECT_NE(Message(Data("FP32", "[1]", "[NaN]")).find("JSON has no NaN"), std::string::npos);
}

TEST(InferParser, BytesAreStrings) {
  const auto request = Parse(Data("BYTES", "[2]", "[\"h\\u00e9\",\"\"]"));
  ASSERT_TRUE(request.ok()) << request.status();
  const auto elements = BytesElements(request->inputs[0]);
  ASSERT_TRUE(elements.ok());
  EXPECT_EQ(*elements, (std::vector<std::string_view>{"h\xC3\xA9", ""}));
  EXPECT_EQ(Message(Data("BYTES", "[1]", "[1]")),
            "input \"x\": element 0 of data is a number, but wanted a string for BYTES");
  EXPECT_EQ(Message(Data("BOOL", "[1]", "[1]")),
            "input \"x\": element 0 of data is a number, but wanted true or false for BOOL");
}

TEST(InferParser, ShapesAreChecked) {
  EXPECT_EQ(Message(Data("FP32", "[-1]", "[1]")),
            "a dim of input \"x\" is \"-1\", but wanted an integer from 0 to 9223372036854775807");
  EXPECT_FALSE(Parse(Data("FP32", "[1.0]", "[1]")).ok());
  EXPECT_FALSE(Parse(Data("FP32", "[\"1\"]", "[1]")).ok());
  EXPECT_FALSE(Parse(Data("FP32", "1", "[1]")).ok());
  // 2^32 * 2^32 is 0 in 64 bits; an empty dim must not hide it.
  for (const std::string_view shape :
       {"[4294967296,4294967296]", "[9223372036854775807]", "[0,4294967296,4294967296]", "[4294967296,4294967296,0]"}) {
    const auto request = Parse(Data("FP32", shape, "[]"));
    EXPECT_EQ(request.status().code(), absl::StatusCode::kOutOfRange) << shape << request.status();
  }
  EXPECT_EQ(Message(Data("INT8", "[67108865]", "[]")),
            "input \"x\": shape [67108865] has more than the limit of 67108864 elements");
}

TEST(InferParser, LimitsHold) {
  Limits limits;
  limits.max_rank = 2;
  EXPECT_FALSE(Parse(Data("INT8", "[1,1,1]", "[1]"), limits).ok());
  limits = Limits();
  limits.max_tensors = 1;
  EXPECT_EQ(Parse(R"({"inputs":[{"name":"a","datatype":"INT8","shape":[1],"data":[1]},{}]})", limits).status(),
            absl::InvalidArgumentError("the request has more inputs than the limit of 1"));
  limits = Limits();
  limits.max_body_bytes = 10;
  EXPECT_EQ(Parse("{\"inputs\":[]}", limits).status(),
            absl::OutOfRangeError("the body has 13 bytes, but the limit is 10"));
  limits = Limits();
  limits.max_elements = 3;  // for all inputs together
  EXPECT_EQ(Parse(R"({"inputs":[{"name":"a","datatype":"INT8","shape":[2],"data":[1,2]},
                                {"name":"b","datatype":"INT8","shape":[2],"data":[1,2]}]})",
                  limits)
                .status()
                .code(),
            absl::StatusCode::kOutOfRange);
  limits = Limits();
  limits.max_name_bytes = 3;
  EXPECT_FALSE(Parse(One("\"name\":\"abcd\",\"datatype\":\"INT8\",\"shape\":[1],\"data\":[1]"), limits).ok());
}

TEST(InferParser, FieldsAreWantedOnceAndKnown) {
  EXPECT_EQ(Message("{}"), "the request has no field \"inputs\"");
  EXPECT_EQ(Message("{\"inputs\":[]}"), "the request has no inputs, but wanted at least one");
  EXPECT_EQ(Message("[]"), "the request's JSON is not valid at byte 0: wanted an object but found \"[]\"");
  EXPECT_EQ(Message("{\"id\":\"a\",\"id\":\"b\"}"), "the request has the field \"id\" twice");
  EXPECT_EQ(Message("{\"imputs\":[]}"), "the request has the field \"imputs\", which is not part of the protocol");
  EXPECT_EQ(Message(One("\"datatype\":\"INT8\",\"shape\":[1],\"data\":[1]")), "input 0 has no field \"name\"");
  EXPECT_EQ(Message(One("\"name\":\"x\",\"shape\":[1],\"data\":[1]")), "input 0 has no field \"datatype\"");
  EXPECT_EQ(Message(One("\"name\":\"x\",\"datatype\":\"INT8\",\"data\":[1]")), "input 0 has no field \"shape\"");
  EXPECT_EQ(Message(One("\"name\":\"x\",\"datatype\":\"INT8\",\"shape\":[1]")),
            "input \"x\": has neither data nor the parameter binary_data_size");
  EXPECT_EQ(Message(One("\"name\":\"\",\"datatype\":\"INT8\",\"shape\":[1],\"data\":[1]")),
            "the name of input 0 is empty");
  EXPECT_EQ(Message(One("\"name\":7")), "the name of input 0 is a number, but wanted a string");
  EXPECT_NE(Message(Data("FLOAT", "[1]", "[1]")).find("input \"x\": datatype \"FLOAT\" is unknown; wanted BOOL"),
            std::string::npos);
  EXPECT_FALSE(Parse(Data("FP32", "[1]", "[1]") + "x").ok());
}

TEST(InferParser, NamesMustDiffer) {
  EXPECT_EQ(Message(R"({"inputs":[{"name":"x","datatype":"INT8","shape":[1],"data":[1]},
                                  {"name":"x","datatype":"INT8","shape":[1],"data":[1]}]})"),
            "input \"x\": is there twice, but names must differ");
  EXPECT_EQ(Message(R"({"inputs":[],"outputs":[{"name":"y"},{"name":"y"}]})"),
            "output \"y\": is asked for twice, but names must differ");
}

TEST(InferParser, WhatIsNotOfferedIsRefusedAndNotIgnored) {
  EXPECT_FALSE(Parse(R"({"parameters":{"sequence_id":5},"inputs":[]})").ok());
  EXPECT_FALSE(Parse(R"({"outputs":[{"name":"y","parameters":{"classification":3}}],"inputs":[]})").ok());
  EXPECT_FALSE(Parse(One(R"("name":"x","parameters":{"shared_memory_region":"r"})")).ok());
  EXPECT_FALSE(Parse(R"({"parameters":{"timeout":-1},"inputs":[]})").ok());
}

TEST(InferParser, BinaryDataIsBorrowedFromTheBody) {
  std::string body;
  const auto request =
      ParseBinary(R"({"inputs":[{"name":"x","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}},)"
                  R"({"name":"j","shape":[1],"datatype":"INT8","data":[5]},)"
                  R"({"name":"b","shape":[2],"datatype":"BOOL","parameters":{"binary_data_size":2}}]})",
                  std::string("\0\0\x80\x3F\0\0\0\xC0\0\1", 10), &body);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(Values<float>(request->inputs[0]), (std::vector<float>{1, -2}));
  EXPECT_TRUE(request->inputs[0].data.is_borrowed());
  EXPECT_EQ(request->inputs[0].data.bytes().data(), body.data() + body.size() - 10);
  EXPECT_FALSE(request->inputs[1].data.is_borrowed());
  EXPECT_EQ(request->inputs[2].data.bytes(), std::string_view("\0\1", 2));
}

TEST(InferParser, LyingBinarySizesAreRefused) {
  const auto message = [](std::string_view shape, std::string_view type, std::string_view size, std::string binary) {
    std::string body;
    return std::string(ParseBinary(One(Cat("\"name\":\"x\",\"shape\":", shape, ",\"datatype\":\"", type,
                                           "\",\"parameters\":{\"binary_data_size\":", size, "}")),
                                   binary, &body)
                           .status()
                           .message());
  };
  EXPECT_EQ(message("[2]", "FP32", "8", "1234"),
            "input \"x\": has binary_data_size 8, but only 4 bytes of the body are left");
  EXPECT_EQ(message("[2]", "FP32", "4", "1234"), "input \"x\": has 4 bytes of data, but FP32 of shape [2] wants 8");
  EXPECT_EQ(message("[1]", "FP32", "4", "12345"),
            "the body has 1 bytes after the data that its inputs' binary_data_size names");
  EXPECT_EQ(message("[1]", "FP32", "-4", "1234"),
            "binary_data_size of input 0 is \"-4\", but wanted an integer from 0 to 9223372036854775807");
  EXPECT_EQ(message("[2]", "BOOL", "2", std::string("\1\2")),
            "input \"x\": element 1 of BOOL data is the byte 2, but wanted 0 or 1");
  EXPECT_EQ(message("[1]", "BYTES", "5", std::string("\2\0\0\0a", 5)),
            "input \"x\": element 0 of BYTES data says it has 2 bytes, but only 1 are left");
  EXPECT_EQ(message("[1]", "BYTES", "4", "\xFF\xFF\xFF\xFF"),
            "input \"x\": element 0 of BYTES data says it has 4294967295 bytes, but only 0 are left");
  EXPECT_EQ(message("[2]", "BYTES", "5", std::string("\1\0\0\0a", 5)),
            "input \"x\": BYTES data ends after 1 elements, but shape [2] wants 2");
  EXPECT_EQ(message("[0]", "BYTES", "4", "1234"),
            "input \"x\": BYTES data has 4 bytes after the 0 elements that shape [0] wants");
  EXPECT_EQ(message("[1]", "FP32", "4,\"binary_data_size\":4", "1234"),
            "the parameters of input 0 has the field \"binary_data_size\" twice");
}

TEST(InferParser, BinaryDataNeedsTheHeaderAndNoJsonData) {
  EXPECT_EQ(Message(One(R"("name":"x","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4})")),
            "input \"x\": has binary_data_size 4, but the request has no Inference-Header-Content-Length header");
  EXPECT_EQ(Message(One(R"("name":"x","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4},"data":[1])")),
            "input \"x\": has both data and binary_data_size, but wanted one");
}

TEST(InferParser, HeaderLength) {
  EXPECT_EQ(*ParseHeaderLength("10", 10), 10u);
  EXPECT_EQ(
      ParseHeaderLength("11", 10).status(),
      absl::InvalidArgumentError("the header Inference-Header-Content-Length is 11, but the body has only 10 bytes"));
  for (const std::string_view bad : {"", "0", "-1", "+1", " 1", "1 ", "1a", "0x1", "99999999999999999999999"}) {
    EXPECT_FALSE(ParseHeaderLength(bad, 10).ok()) << bad;
  }
  EXPECT_FALSE(ParseInferRequest("{}", 3, Limits()).ok());
}

TEST(InferParser, AShapeThatLiesGetsNoMemory) {
  // 64 Mi elements of 8 bytes claimed, three given: ASan and a memory limit would notice half a gigabyte.
  const auto request = Parse(Data("FP64", "[67108864]", "[1,2,3]"));
  EXPECT_EQ(request.status().message(), "input \"x\": data has 3 elements, but shape [67108864] wants 67108864");
}

TEST(InferParser, LongNamesAreShortenedInMessages) {
  const std::string name(200, 'n');
  const auto request = Parse(One(Cat("\"name\":\"", name, "\",\"datatype\":\"INT8\",\"shape\":[1],\"data\":[]")));
  EXPECT_LT(request.status().message().size(), 150u) << request.status();
}

}  // namespace
}  // namespace strata::protocol
