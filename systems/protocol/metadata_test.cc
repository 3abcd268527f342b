#include "systems/protocol/metadata.h"

#include <gtest/gtest.h>

namespace strata::protocol {
namespace {

TEST(Metadata, Server) {
  ServerMetadata server;
  server.version = "0.1.0";
  EXPECT_EQ(WriteServerMetadata(server),
            R"({"name":"strata","version":"0.1.0","extensions":["binary_tensor_data","model_repository"]})");
}

TEST(Metadata, ModelWithDynamicDims) {
  ModelMetadata model;
  model.name = "mini\"lm";
  model.versions = {"1", "2"};
  model.inputs = {{"ids", Datatype::kInt64, {-1}}, {"x", Datatype::kFp32, {-1, 64}}};
  model.outputs = {{"y", Datatype::kFp32, {}}};
  EXPECT_EQ(WriteModelMetadata(model), R"({"name":"mini\"lm","versions":["1","2"],"platform":"strata",)"
                                       R"("inputs":[{"name":"ids","datatype":"INT64","shape":[-1]},)"
                                       R"({"name":"x","datatype":"FP32","shape":[-1,64]}],)"
                                       R"("outputs":[{"name":"y","datatype":"FP32","shape":[]}]})");
}

TEST(Metadata, Index) {
  EXPECT_EQ(WriteModelIndex({}), "[]");
  const ModelIndexEntry models[] = {{"a", "1", true, ""}, {"b", "3", false, "still loading"}};
  EXPECT_EQ(WriteModelIndex(models), R"([{"name":"a","version":"1","state":"READY","reason":""},)"
                                     R"({"name":"b","version":"3","state":"UNAVAILABLE","reason":"still loading"}])");
}

TEST(Metadata, IndexRequest) {
  EXPECT_FALSE(*ParseModelIndexRequest("", Limits()));
  EXPECT_FALSE(*ParseModelIndexRequest("{}", Limits()));
  EXPECT_TRUE(*ParseModelIndexRequest("{\"ready\":true}", Limits()));
  EXPECT_EQ(ParseModelIndexRequest("{\"ready\":1}", Limits()).status(),
            absl::InvalidArgumentError("ready is a number, but wanted true or false"));
  EXPECT_FALSE(ParseModelIndexRequest("[]", Limits()).ok());
  EXPECT_FALSE(ParseModelIndexRequest("{\"redy\":true}", Limits()).ok());
  EXPECT_FALSE(ParseModelIndexRequest("{} {}", Limits()).ok());
}

TEST(Metadata, OpenAiModels) {
  const OpenAiModel models[] = {{"minilm", 1700000000}};
  EXPECT_EQ(WriteOpenAiModels(models),
            R"({"object":"list","data":[{"id":"minilm","object":"model","created":1700000000,"owned_by":"strata"}]})");
  EXPECT_EQ(WriteOpenAiModel(models[0]),
            R"({"id":"minilm","object":"model","created":1700000000,"owned_by":"strata"})");
}

}  // namespace
}  // namespace strata::protocol
