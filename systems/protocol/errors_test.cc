#include "systems/protocol/errors.h"

#include <gtest/gtest.h>

#include <utility>

namespace strata::protocol {
namespace {

TEST(Errors, EveryCodeHasItsHttpStatus) {
  using Code = absl::StatusCode;
  const std::pair<Code, int> rows[] = {
      {Code::kOk, 200},
      {Code::kCancelled, 499},
      {Code::kUnknown, 500},
      {Code::kInvalidArgument, 400},
      {Code::kDeadlineExceeded, 504},
      {Code::kNotFound, 404},
      {Code::kAlreadyExists, 409},
      {Code::kPermissionDenied, 403},
      {Code::kResourceExhausted, 429},
      {Code::kFailedPrecondition, 400},
      {Code::kAborted, 409},
      {Code::kOutOfRange, 413},
      {Code::kUnimplemented, 501},
      {Code::kInternal, 500},
      {Code::kUnavailable, 503},
      {Code::kDataLoss, 500},
      {Code::kUnauthenticated, 401},
  };
  for (const auto& [code, http] : rows) EXPECT_EQ(HttpStatus(code), http) << static_cast<int>(code);
  EXPECT_TRUE(IsRetryable(429));
  EXPECT_TRUE(IsRetryable(503));
  EXPECT_FALSE(IsRetryable(504));
}

TEST(Errors, KserveForm) {
  EXPECT_EQ(WriteError(ErrorStyle::kKserve, absl::InvalidArgumentError("input \"x\": bad")),
            R"({"error":"input \"x\": bad"})");
}

TEST(Errors, OpenAiForm) {
  const absl::Status status = WithErrorParam(absl::InvalidArgumentError("no"), "input");
  EXPECT_EQ(WriteError(ErrorStyle::kOpenAi, status),
            R"({"error":{"message":"no","type":"invalid_request_error","param":"input","code":null}})");
  EXPECT_EQ(
      WriteError(ErrorStyle::kOpenAi, 404, "no model \"m\"", "model"),
      R"({"error":{"message":"no model \"m\"","type":"invalid_request_error","param":"model","code":"model_not_found"}})");
  EXPECT_EQ(WriteError(ErrorStyle::kOpenAi, absl::ResourceExhaustedError("busy")),
            R"({"error":{"message":"busy","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}})");
}

TEST(Errors, InternalFaultsAreNotToldToClients) {
  const std::string body = WriteError(ErrorStyle::kKserve, absl::InternalError("/secret/path broke"));
  EXPECT_EQ(body, R"({"error":"the server failed to answer this request; its log says why"})");
}

TEST(Errors, ParamTravelsWithTheStatus) {
  EXPECT_EQ(ErrorParam(absl::InvalidArgumentError("x")), "");
  EXPECT_EQ(ErrorParam(WithErrorParam(absl::InvalidArgumentError("x"), "model")), "model");
}

}  // namespace
}  // namespace strata::protocol
