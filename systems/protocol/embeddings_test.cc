#include "systems/protocol/embeddings.h"

#include <gtest/gtest.h>

#include <limits>

#include "systems/protocol/errors.h"
#include "systems/protocol/text.h"

namespace strata::protocol {
namespace {

using Texts = EmbeddingRequest::Texts;
using Tokens = EmbeddingRequest::Tokens;

absl::StatusOr<EmbeddingRequest> Parse(std::string_view body) { return ParseEmbeddingRequest(body, Limits()); }

std::string Input(std::string_view input) { return Cat("{\"model\":\"m\",\"input\":", input, "}"); }

void ExpectError(std::string_view body, std::string_view message, std::string_view param) {
  const absl::Status status = Parse(body).status();
  EXPECT_EQ(ToStd(status.message()), message) << body;
  EXPECT_EQ(ErrorParam(status), param) << body;
}

TEST(Embeddings, TheFourFormsOfInput) {
  EXPECT_EQ(std::get<Texts>(Parse(Input("\"h\\u00e9\""))->input), Texts{"h\xC3\xA9"});
  EXPECT_EQ(std::get<Texts>(Parse(Input("[\"a\",\"b\"]"))->input), (Texts{"a", "b"}));
  EXPECT_EQ(std::get<Tokens>(Parse(Input("[1,2,3]"))->input), (Tokens{{1, 2, 3}}));
  EXPECT_EQ(std::get<Tokens>(Parse(Input("[[1],[2147483647,0]]"))->input), (Tokens{{1}, {2147483647, 0}}));
  EXPECT_EQ(Parse(Input("[\"a\",\"b\"]"))->count(), 2u);
}

TEST(Embeddings, AllFields) {
  const auto request =
      Parse(R"({"user":"u","encoding_format":"base64","dimensions":384,"input":"x","model":"minilm"})");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->model, "minilm");
  EXPECT_EQ(request->encoding, EmbeddingEncoding::kBase64);
  EXPECT_EQ(request->dimensions, 384);
  EXPECT_EQ(request->user, "u");
  const auto nulls = Parse(R"({"user":null,"encoding_format":null,"dimensions":null,"input":"x","model":"minilm"})");
  ASSERT_TRUE(nulls.ok()) << nulls.status();
  EXPECT_EQ(nulls->encoding, EmbeddingEncoding::kFloat);
  EXPECT_EQ(nulls->dimensions, std::nullopt);
}

TEST(Embeddings, RefusalsNameTheField) {
  ExpectError("{\"input\":\"x\"}", "the request has no field \"model\"", "model");
  ExpectError("{\"model\":\"m\"}", "the request has no field \"input\"", "input");
  ExpectError(Input("\"\""), "input entry 0 is an empty text", "input");
  ExpectError(Input("[\"a\",\"\"]"), "input entry 1 is an empty text", "input");
  ExpectError(Input("[]"), "input is an empty array, but wanted at least one text", "input");
  ExpectError(Input("[[1],[]]"), "input entry 1 has no tokens", "input");
  ExpectError(Input("[\"a\",1]"), "input entry 1 is not a string, but all must be", "input");
  ExpectError(Input("[[1],\"a\"]"), "input entry 1 is not an array of tokens, but all must be", "input");
  ExpectError(Input("[1,\"a\"]"), "an input token is a string, but wanted an integer", "input");
  ExpectError(Input("[-1]"), "an input token is \"-1\", but wanted an integer from 0 to 2147483647", "input");
  ExpectError(Input("[1.5]"), "an input token is \"1.5\", but wanted an integer from 0 to 2147483647", "input");
  ExpectError(Input("7"),
              "input is neither a string nor an array, but wanted a text, texts, tokens or arrays of tokens", "input");
  ExpectError(Input("[null]"), "input entry 0 is not a string, but all must be", "input");
  ExpectError(R"({"model":"m","input":"x","encoding_format":"hex"})",
              "encoding_format is \"hex\", but wanted \"float\" or \"base64\"", "encoding_format");
  ExpectError(R"({"model":"m","input":"x","dimensions":0})",
              "dimensions is \"0\", but wanted an integer from 1 to 2147483647", "dimensions");
  ExpectError(R"({"model":"m","input":"x","dimension":1})",
              "the request has the field \"dimension\", which is not part of the protocol", "");
  ExpectError(R"({"model":"m","model":"n"})", "the request has the field \"model\" twice", "model");
  EXPECT_FALSE(Parse(Input("\"x\"") + "]").ok());
  EXPECT_FALSE(Parse("").ok());
}

TEST(Embeddings, LimitsHold) {
  Limits limits;
  limits.max_texts = 2;
  limits.max_text_bytes = 3;
  limits.max_tokens_per_text = 2;
  const auto code = [&](std::string_view input) { return ParseEmbeddingRequest(Input(input), limits).status().code(); };
  EXPECT_EQ(code("[\"a\",\"b\"]"), absl::StatusCode::kOk);
  EXPECT_EQ(code("[\"a\",\"b\",\"c\"]"), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(code("\"abcd\""), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(code("[1,2,3]"), absl::StatusCode::kOutOfRange);
  limits.max_body_bytes = 4;
  EXPECT_EQ(code("\"a\""), absl::StatusCode::kOutOfRange);
}

TEST(Embeddings, OnlyTheModelsOwnWidth) {
  EmbeddingRequest request;
  request.model = "m";
  EXPECT_TRUE(CheckDimensions(request, 384).ok());
  request.dimensions = 384;
  EXPECT_TRUE(CheckDimensions(request, 384).ok());
  request.dimensions = 256;
  const absl::Status status = CheckDimensions(request, 384);
  EXPECT_EQ(ToStd(status.message()), "dimensions is 256, but model \"m\" has 384");
  EXPECT_EQ(ErrorParam(status), "dimensions");
}

TEST(Embeddings, ResponseInFloats) {
  const float values[] = {0.1f, -2, 1e-8f, 3};
  EXPECT_EQ(*WriteEmbeddingResponse({"m", values, 2, 9}, EmbeddingEncoding::kFloat),
            R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-2]},)"
            R"({"object":"embedding","index":1,"embedding":[1e-08,3]}],)"
            R"("model":"m","usage":{"prompt_tokens":9,"total_tokens":9}})");
}

TEST(Embeddings, ResponseInBase64) {
  const float values[] = {1, -2};  // 00 00 80 3F 00 00 00 C0
  EXPECT_EQ(*WriteEmbeddingResponse({"m", values, 2, 3}, EmbeddingEncoding::kBase64),
            R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPwAAAMA="}],)"
            R"("model":"m","usage":{"prompt_tokens":3,"total_tokens":3}})");
}

TEST(Embeddings, NanHasNoFloatForm) {
  const float values[] = {1, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_EQ(WriteEmbeddingResponse({"m", values, 2, 3}, EmbeddingEncoding::kFloat).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(WriteEmbeddingResponse({"m", values, 2, 3}, EmbeddingEncoding::kBase64).ok());
}

TEST(Embeddings, RowsMustBeWhole) {
  const float values[] = {1, 2, 3};
  EXPECT_EQ(WriteEmbeddingResponse({"m", values, 2, 3}, EmbeddingEncoding::kFloat).status().code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(WriteEmbeddingResponse({"m", {}, 0, 0}, EmbeddingEncoding::kFloat).status().code(),
            absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace strata::protocol
