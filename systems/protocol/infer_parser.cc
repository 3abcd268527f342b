#include "systems/protocol/infer_parser.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "systems/protocol/json_fields.h"
#include "systems/protocol/json_reader.h"
#include "systems/protocol/quote.h"
#include "systems/protocol/tensor_json.h"
#include "systems/protocol/text.h"

namespace strata::protocol {
namespace {

constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();

class InferParser {
 public:
  InferParser(std::string_view json, std::string_view binary, bool has_binary, const Limits& limits)
      : json_(json, limits.max_json_depth), binary_(binary), has_binary_(has_binary), limits_(limits) {}

  absl::StatusOr<InferRequest> Parse() {
    ReadRequest();
    json_.Finish();
    if (!json_.ok()) return json_.status();
    if (!binary_.empty()) {
      return absl::InvalidArgumentError(
          Cat("the body has ", binary_.size(), " bytes after the data that its inputs' binary_data_size names"));
    }
    return std::move(request_);
  }

 private:
  // What an input's JSON said about its data.
  struct DataSource {
    std::optional<JsonReader::Mark> json;
    int64_t binary_bytes = -1;
  };

  bool Fail(absl::StatusCode code, std::string_view message) {
    json_.Fail(absl::Status(code, ToAbsl(message)));
    return false;
  }
  bool Fail(std::string_view message) { return Fail(absl::StatusCode::kInvalidArgument, message); }

  void ReadRequest() {
    FieldSet fields(&json_, "the request");
    std::string_view key;
    json_.EnterObject();
    while (json_.NextKey(&key)) {
      if (fields.Is(key, "inputs")) {
        ReadInputs();
      } else if (fields.Is(key, "outputs")) {
        if (!SkipNull(&json_)) ReadOutputs();
      } else if (fields.Is(key, "parameters")) {
        if (!SkipNull(&json_)) ReadRequestParameters();
      } else if (fields.Is(key, "id")) {
        if (!SkipNull(&json_)) ReadShortString(&json_, "id", limits_.max_name_bytes, &request_.id);
      } else if (fields.Is(key, "model_name")) {
        std::string name;  // the protocol's examples have it, its grammar does not: the path says which model
        ReadShortString(&json_, "model_name", limits_.max_name_bytes, &name);
      } else {
        fields.Unknown(key);
      }
    }
    fields.Require("inputs");
    if (json_.ok() && request_.inputs.empty()) Fail("the request has no inputs, but wanted at least one");
  }

  void ReadRequestParameters() {
    FieldSet fields(&json_, "the request's parameters");
    std::string_view key;
    json_.EnterObject();
    while (json_.NextKey(&key)) {
      if (fields.Is(key, "binary_data_output")) {
        ReadFlag(&json_, "the request parameter binary_data_output", &request_.binary_data_output);
      } else if (fields.Is(key, "timeout")) {
        int64_t timeout = 0;
        ReadInteger(&json_, "the request parameter timeout, in microseconds,", 0, kMaxInt64, &timeout);
        if (timeout > 0) request_.timeout_us = timeout;
      } else if (key == "sequence_id" || key == "sequence_start" || key == "sequence_end") {
        Fail(Cat("the request parameter ", key, " asks for a sequence, but models here keep no state"));
      } else {
        json_.SkipValue();  // parameters are open-ended: others' hints, such as priority, do not change the answer
      }
    }
  }

  void ReadInputs() {
    json_.EnterArray();
    while (json_.NextElement()) {
      if (request_.inputs.size() == static_cast<size_t>(limits_.max_tensors)) {
        Fail(Cat("the request has more inputs than the limit of ", limits_.max_tensors));
        return;
      }
      ReadInput();
    }
  }

  // The fields may come in any order, so the data is read last, from where it stood.
  void ReadInput() {
    const std::string owner = Cat("input ", request_.inputs.size());
    FieldSet fields(&json_, owner);
    Tensor tensor;
    DataSource source;
    std::string_view key;
    json_.EnterObject();
    while (json_.NextKey(&key)) {
      if (fields.Is(key, "name")) {
        ReadName(&json_, Cat("the name of ", owner), limits_.max_name_bytes, &tensor.name);
      } else if (fields.Is(key, "datatype")) {
        ReadDatatype(owner, &tensor);
      } else if (fields.Is(key, "shape")) {
        ReadShape(owner, &tensor);
      } else if (fields.Is(key, "parameters")) {
        if (!SkipNull(&json_)) ReadInputParameters(owner, &source);
      } else if (fields.Is(key, "data")) {
        source.json = json_.Save();
        // Most clients send the data last: then it is read here, once.
        const bool known = fields.Has("name") && fields.Has("datatype") && fields.Has("shape");
        if (!known) {
          json_.SkipValue();
        } else if (CountElements(tensor)) {
          ReadTensorData(&json_, &tensor);
          source.json.reset();
        }
      } else {
        fields.Unknown(key);
      }
    }
    if (!fields.Require("name") || !fields.Require("datatype") || !fields.Require("shape") || !json_.ok()) return;
    FinishInput(fields.Has("data"), source, &tensor);
  }

  void FinishInput(bool has_json, const DataSource& source, Tensor* tensor) {
    if (has_json && source.binary_bytes >= 0) {
      Fail(Cat(TensorLabel("input", tensor->name), ": has both data and binary_data_size, but wanted one"));
    } else if (source.json) {
      const JsonReader::Mark after = json_.Save();
      json_.Restore(*source.json);
      if (CountElements(*tensor) && ReadTensorData(&json_, tensor)) json_.Restore(after);
    } else if (!has_json && CountElements(*tensor)) {
      TakeBinary(source.binary_bytes, tensor);
    }
    if (!json_.ok()) return;
    const auto same = [&](const Tensor& other) { return other.name == tensor->name; };
    if (std::any_of(request_.inputs.begin(), request_.inputs.end(), same)) {
      Fail(Cat(TensorLabel("input", tensor->name), ": is there twice, but names must differ"));
      return;
    }
    request_.inputs.push_back(std::move(*tensor));
  }

  // Once per input: the limit is for the request.
  bool CountElements(const Tensor& tensor) {
    const absl::StatusOr<int64_t> count = ElementCount(tensor.shape, limits_.max_elements - elements_);
    if (count.ok()) {
      elements_ += *count;
      return true;
    }
    const int64_t before = elements_;
    return Fail(count.status().code(),
                Cat(TensorLabel("input", tensor.name), ": ", count.status().message(),
                    before > 0 ? Cat(" that the inputs before it, with ", before, ", leave") : ""));
  }

  void TakeBinary(int64_t bytes, Tensor* tensor) {
    const std::string label = TensorLabel("input", tensor->name);
    if (bytes < 0) {
      Fail(Cat(label, ": has neither data nor the parameter binary_data_size"));
    } else if (!has_binary_) {
      Fail(Cat(label, ": has binary_data_size ", bytes, ", but the request has no ", kHeaderLengthName, " header"));
    } else if (static_cast<uint64_t>(bytes) > binary_.size()) {
      Fail(Cat(label, ": has binary_data_size ", bytes, ", but only ", binary_.size(), " bytes of the body are left"));
    } else {
      tensor->data = TensorData::Borrow(binary_.substr(0, static_cast<size_t>(bytes)));
      binary_.remove_prefix(static_cast<size_t>(bytes));
      const absl::Status status = CheckTensorData(*tensor, "input");
      if (!status.ok()) json_.Fail(status);
    }
  }

  void ReadDatatype(std::string_view owner, Tensor* tensor) {
    std::string name;
    if (!ReadShortString(&json_, Cat("the datatype of ", owner), limits_.max_name_bytes, &name)) return;
    const absl::StatusOr<Datatype> type = DatatypeFromName(name);
    if (!type.ok()) {
      Fail(Cat(tensor->name.empty() ? std::string(owner) : TensorLabel("input", tensor->name), ": ",
               type.status().message()));
      return;
    }
    tensor->datatype = *type;
  }

  void ReadShape(std::string_view owner, Tensor* tensor) {
    const std::string what =
        Cat("a dim of ", tensor->name.empty() ? std::string(owner) : TensorLabel("input", tensor->name));
    json_.EnterArray();
    while (json_.NextElement()) {
      if (tensor->shape.size() == static_cast<size_t>(limits_.max_rank)) {
        Fail(Cat(owner, " has more dims than the limit of ", limits_.max_rank));
        return;
      }
      int64_t dim = 0;
      if (ReadInteger(&json_, what, 0, kMaxInt64, &dim)) tensor->shape.push_back(dim);
    }
  }

  void ReadInputParameters(std::string_view owner, DataSource* source) {
    const std::string name = Cat("the parameters of ", owner);
    FieldSet fields(&json_, name);
    std::string_view key;
    json_.EnterObject();
    while (json_.NextKey(&key)) {
      if (fields.Is(key, "binary_data_size")) {
        ReadInteger(&json_, Cat("binary_data_size of ", owner), 0, kMaxInt64, &source->binary_bytes);
      } else if (key.starts_with("shared_memory")) {
        Fail(Cat(owner, " has the parameter ", Quote(key), ", but shared memory is not offered"));
      } else {
        json_.SkipValue();
      }
    }
  }

  void ReadOutputs() {
    json_.EnterArray();
    while (json_.NextElement()) {
      if (request_.outputs.size() == static_cast<size_t>(limits_.max_tensors)) {
        Fail(Cat("the request asks for more outputs than the limit of ", limits_.max_tensors));
        return;
      }
      ReadOutput();
    }
  }

  void ReadOutput() {
    const std::string owner = Cat("output ", request_.outputs.size());
    FieldSet fields(&json_, owner);
    RequestedOutput output;
    std::string_view key;
    json_.EnterObject();
    while (json_.NextKey(&key)) {
      if (fields.Is(key, "name")) {
        ReadName(&json_, Cat("the name of ", owner), limits_.max_name_bytes, &output.name);
      } else if (fields.Is(key, "parameters")) {
        if (!SkipNull(&json_)) ReadOutputParameters(owner, &output);
      } else {
        fields.Unknown(key);
      }
    }
    if (!fields.Require("name") || !json_.ok()) return;
    const auto same = [&](const RequestedOutput& other) { return other.name == output.name; };
    if (std::any_of(request_.outputs.begin(), request_.outputs.end(), same)) {
      Fail(Cat(TensorLabel("output", output.name), ": is asked for twice, but names must differ"));
      return;
    }
    request_.outputs.push_back(std::move(output));
  }

  void ReadOutputParameters(std::string_view owner, RequestedOutput* output) {
    const std::string name = Cat("the parameters of ", owner);
    FieldSet fields(&json_, name);
    std::string_view key;
    json_.EnterObject();
    while (json_.NextKey(&key)) {
      if (fields.Is(key, "binary_data")) {
        bool binary = false;
        if (ReadFlag(&json_, Cat("binary_data of ", owner), &binary)) output->binary_data = binary;
      } else if (key == "classification" || key.starts_with("shared_memory")) {
        Fail(Cat(owner, " has the parameter ", Quote(key), ", which is not offered"));
      } else {
        json_.SkipValue();
      }
    }
  }

  JsonReader json_;
  std::string_view binary_;  // what no input has taken yet
  const bool has_binary_;
  const Limits& limits_;
  int64_t elements_ = 0;
  InferRequest request_;
};

}  // namespace

absl::StatusOr<size_t> ParseHeaderLength(std::string_view value, size_t body_bytes) {
  size_t length = 0;
  const char* end = value.data() + value.size();
  const std::from_chars_result result = std::from_chars(value.data(), end, length);
  if (result.ec != std::errc() || result.ptr != end || length == 0) {
    return absl::InvalidArgumentError(
        Cat("the header ", kHeaderLengthName, " is ", Quote(value), ", but wanted a number of bytes above 0"));
  }
  if (length > body_bytes) {
    return absl::InvalidArgumentError(
        Cat("the header ", kHeaderLengthName, " is ", length, ", but the body has only ", body_bytes, " bytes"));
  }
  return length;
}

absl::StatusOr<InferRequest> ParseInferRequest(std::string_view body, std::optional<size_t> json_bytes,
                                               const Limits& limits) {
  if (body.size() > static_cast<size_t>(limits.max_body_bytes)) {
    return absl::OutOfRangeError(Cat("the body has ", body.size(), " bytes, but the limit is ", limits.max_body_bytes));
  }
  const size_t split = json_bytes.value_or(body.size());
  if (split > body.size()) {
    return absl::InvalidArgumentError(
        Cat("the header ", kHeaderLengthName, " is ", split, ", but the body has only ", body.size(), " bytes"));
  }
  return InferParser(body.substr(0, split), body.substr(split), json_bytes.has_value(), limits).Parse();
}

}  // namespace strata::protocol
