#include "systems/protocol/embeddings.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/escaping.h"
#include "systems/protocol/errors.h"
#include "systems/protocol/json_fields.h"
#include "systems/protocol/json_reader.h"
#include "systems/protocol/json_writer.h"
#include "systems/protocol/quote.h"
#include "systems/protocol/text.h"

namespace strata::protocol {
namespace {

using Kind = JsonReader::Kind;

class EmbeddingParser {
 public:
  EmbeddingParser(std::string_view body, const Limits& limits) : json_(body, limits.max_json_depth), limits_(limits) {}

  absl::StatusOr<EmbeddingRequest> Parse() {
    FieldSet fields(&json_, "the request");
    std::string_view key;
    json_.EnterObject();
    while (json_.NextKey(&key)) ReadField(key, &fields);
    json_.Finish();
    for (const std::string_view name : {"model", "input"}) {
      if (!json_.ok()) break;
      field_ = name;
      fields.Require(name);
    }
    if (!json_.ok()) return WithErrorParam(json_.status(), field_);
    return std::move(request_);
  }

 private:
  void ReadField(std::string_view key, FieldSet* fields) {
    field_ = "";
    if (fields->Is(key, "input")) {
      field_ = "input";
      ReadInput();
    } else if (fields->Is(key, "model")) {
      field_ = "model";
      ReadName(&json_, "model", limits_.max_name_bytes, &request_.model);
    } else if (fields->Is(key, "encoding_format")) {
      field_ = "encoding_format";
      if (!SkipNull(&json_)) ReadEncoding();
    } else if (fields->Is(key, "dimensions")) {
      field_ = "dimensions";
      int64_t dimensions = 0;
      if (!SkipNull(&json_) && ReadInteger(&json_, "dimensions", 1, std::numeric_limits<int32_t>::max(), &dimensions)) {
        request_.dimensions = dimensions;
      }
    } else if (fields->Is(key, "user")) {
      field_ = "user";
      if (!SkipNull(&json_)) ReadShortString(&json_, "user", limits_.max_name_bytes, &request_.user);
    } else {
      fields->Unknown(key);
    }
    if (json_.ok()) field_ = "";  // a failure of syntax after this is no field's
  }

  void ReadEncoding() {
    std::string name;
    if (!ReadShortString(&json_, "encoding_format", limits_.max_name_bytes, &name)) return;
    if (name == "base64") {
      request_.encoding = EmbeddingEncoding::kBase64;
    } else if (name != "float") {
      Fail(Cat("encoding_format is ", Quote(name), ", but wanted \"float\" or \"base64\""));
    }
  }

  void ReadInput() {
    switch (json_.Peek()) {
      case Kind::kString:
        ReadText(&request_.input.emplace<EmbeddingRequest::Texts>());
        return;
      case Kind::kArray:
        ReadInputArray();
        return;
      case Kind::kNone:
        json_.SkipValue();
        return;
      default:
        Fail("input is neither a string nor an array, but wanted a text, texts, tokens or arrays of tokens");
    }
  }

  void ReadInputArray() {
    json_.EnterArray();
    if (!json_.NextElement()) {
      Fail("input is an empty array, but wanted at least one text");
      return;
    }
    switch (json_.Peek()) {
      case Kind::kNumber:
        ReadTokens(&request_.input.emplace<EmbeddingRequest::Tokens>());
        return;
      case Kind::kArray:
        ReadEntries(Kind::kArray, &request_.input.emplace<EmbeddingRequest::Tokens>());
        return;
      default:  // what is no string either is named by ReadText
        ReadEntries(Kind::kString, &request_.input.emplace<EmbeddingRequest::Texts>());
    }
  }

  // The first element is next.
  template <class Entries>
  void ReadEntries(Kind kind, Entries* entries) {
    do {
      if (entries->size() == static_cast<size_t>(limits_.max_texts)) {
        Fail(absl::StatusCode::kOutOfRange, Cat("input has more entries than the limit of ", limits_.max_texts));
        return;
      }
      const Kind found = json_.Peek();
      if (found != kind && found != Kind::kNone) {
        Fail(Cat("input entry ", entries->size(), " is not ", kind == Kind::kString ? "a string" : "an array of tokens",
                 ", but all must be"));
        return;
      }
      ReadEntry(entries);
    } while (json_.NextElement());
  }

  void ReadEntry(EmbeddingRequest::Texts* texts) { ReadText(texts); }

  void ReadEntry(EmbeddingRequest::Tokens* tokens) {
    if (!json_.EnterArray()) return;
    if (json_.NextElement()) {
      ReadTokens(tokens);
    } else {
      Fail(Cat("input entry ", tokens->size(), " has no tokens"));
    }
  }

  void ReadText(EmbeddingRequest::Texts* texts) {
    std::string_view text;
    if (!json_.ReadString(&text)) return;
    if (text.empty()) {
      Fail(Cat("input entry ", texts->size(), " is an empty text"));
    } else if (text.size() > static_cast<size_t>(limits_.max_text_bytes)) {
      Fail(absl::StatusCode::kOutOfRange, Cat("input entry ", texts->size(), " has ", text.size(),
                                              " bytes, but the limit is ", limits_.max_text_bytes));
    } else {
      texts->emplace_back(text);
    }
  }

  // The first token is next; reads to the end of the array.
  void ReadTokens(EmbeddingRequest::Tokens* entries) {
    std::vector<int32_t> tokens;
    do {
      if (tokens.size() == static_cast<size_t>(limits_.max_tokens_per_text)) {
        Fail(absl::StatusCode::kOutOfRange,
             Cat("input entry ", entries->size(), " has more tokens than the limit of ", limits_.max_tokens_per_text));
        return;
      }
      int64_t token = 0;
      if (!ReadInteger(&json_, "an input token", 0, std::numeric_limits<int32_t>::max(), &token)) return;
      tokens.push_back(static_cast<int32_t>(token));
    } while (json_.NextElement());
    if (json_.ok()) entries->push_back(std::move(tokens));
  }

  void Fail(absl::StatusCode code, std::string_view message) { json_.Fail(absl::Status(code, ToAbsl(message))); }
  void Fail(std::string_view message) { Fail(absl::StatusCode::kInvalidArgument, message); }

  JsonReader json_;
  const Limits& limits_;
  std::string_view field_;  // which one is being read, for the error object
  EmbeddingRequest request_;
};

absl::Status AppendFloats(absl::Span<const float> values, std::string* out) {
  out->push_back('[');
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      return absl::FailedPreconditionError(Cat("the embedding has ", std::isnan(values[i]) ? "NaN" : "infinity",
                                               " at position ", i,
                                               ", which JSON cannot carry; ask for encoding_format base64"));
    }
    if (i > 0) out->push_back(',');
    AppendJsonNumber(values[i], out);
  }
  out->push_back(']');
  return absl::OkStatus();
}

void AppendBase64(absl::Span<const float> values, std::string* out) {
  const std::string_view bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  CatTo(out, "\"", absl::Base64Escape(ToAbsl(bytes)), "\"");
}

}  // namespace

absl::StatusOr<EmbeddingRequest> ParseEmbeddingRequest(std::string_view body, const Limits& limits) {
  if (body.size() > static_cast<size_t>(limits.max_body_bytes)) {
    return absl::OutOfRangeError(Cat("the body has ", body.size(), " bytes, but the limit is ", limits.max_body_bytes));
  }
  return EmbeddingParser(body, limits).Parse();
}

absl::Status CheckDimensions(const EmbeddingRequest& request, int64_t width) {
  if (!request.dimensions || *request.dimensions == width) return absl::OkStatus();
  return WithErrorParam(absl::InvalidArgumentError(Cat("dimensions is ", *request.dimensions, ", but model ",
                                                       Quote(request.model), " has ", width)),
                        "dimensions");
}

absl::StatusOr<std::string> WriteEmbeddingResponse(const EmbeddingResponse& response, EmbeddingEncoding encoding) {
  if (response.width == 0 || response.values.size() % response.width != 0) {
    return absl::InternalError(
        Cat("embeddings have ", response.values.size(), " values, but wanted rows of ", response.width));
  }
  std::string out = "{\"object\":\"list\",\"data\":[";
  out.reserve(response.values.size() * (encoding == EmbeddingEncoding::kFloat ? 13 : 6) + 256);
  const size_t rows = response.values.size() / response.width;
  for (size_t row = 0; row < rows; ++row) {
    CatTo(&out, row > 0 ? "," : "", "{\"object\":\"embedding\",\"index\":", row, ",\"embedding\":");
    const absl::Span<const float> values = response.values.subspan(row * response.width, response.width);
    if (encoding == EmbeddingEncoding::kBase64) {
      AppendBase64(values, &out);
    } else if (const absl::Status status = AppendFloats(values, &out); !status.ok()) {
      return status;
    }
    out.push_back('}');
  }
  out.append("],\"model\":");
  AppendJsonString(response.model, &out);
  CatTo(&out, ",\"usage\":{\"prompt_tokens\":", response.prompt_tokens, ",\"total_tokens\":", response.prompt_tokens,
        "}}");
  return out;
}

}  // namespace strata::protocol
