#include "systems/protocol/routes.h"

#include <gtest/gtest.h>

#include <string>

namespace strata::protocol {
namespace {

RouteResult Match(std::string_view method, std::string_view target) { return MatchRoute(method, target, Limits()); }

Route Found(std::string_view method, std::string_view target) {
  const RouteResult result = Match(method, target);
  const Route* route = std::get_if<Route>(&result);
  EXPECT_NE(route, nullptr) << method << " " << target;
  return route != nullptr ? *route : Route();
}

RouteError Refused(std::string_view method, std::string_view target) {
  const RouteResult result = Match(method, target);
  const RouteError* error = std::get_if<RouteError>(&result);
  EXPECT_NE(error, nullptr) << method << " " << target;
  return error != nullptr ? *error : RouteError{0, "", "", {}};
}

TEST(Routes, EveryEndpoint) {
  EXPECT_EQ(Found("GET", "/v2/health/live").endpoint, Endpoint::kLive);
  EXPECT_EQ(Found("GET", "/v2/health/ready").endpoint, Endpoint::kReady);
  EXPECT_EQ(Found("GET", "/v2").endpoint, Endpoint::kServerMetadata);
  EXPECT_EQ(Found("GET", "/v2/").endpoint, Endpoint::kServerMetadata);
  EXPECT_EQ(Found("GET", "/v2/models/m").endpoint, Endpoint::kModelMetadata);
  EXPECT_EQ(Found("GET", "/v2/models/m/ready").endpoint, Endpoint::kModelReady);
  EXPECT_EQ(Found("POST", "/v2/models/m/infer").endpoint, Endpoint::kInfer);
  EXPECT_EQ(Found("POST", "/v2/repository/index").endpoint, Endpoint::kModelIndex);
  EXPECT_EQ(Found("POST", "/v1/embeddings").endpoint, Endpoint::kEmbeddings);
  EXPECT_EQ(Found("GET", "/v1/models").endpoint, Endpoint::kOpenAiModels);
  EXPECT_EQ(Found("GET", "/v1/models/m").endpoint, Endpoint::kOpenAiModel);
  EXPECT_EQ(Found("GET", "/metrics").endpoint, Endpoint::kMetrics);
}

TEST(Routes, ModelAndVersion) {
  const Route route = Found("POST", "/v2/models/mini%4Cm%20x/versions/12/infer?trace=1");
  EXPECT_EQ(route.endpoint, Endpoint::kInfer);
  EXPECT_EQ(route.model, "miniLm x");
  EXPECT_EQ(route.version, "12");
  EXPECT_EQ(Found("GET", "/v2/models/m/versions/1").version, "1");
  EXPECT_EQ(Found("GET", "/v2/models/m/versions/1/ready").endpoint, Endpoint::kModelReady);
  EXPECT_EQ(Found("GET", "/v2/models/ready").model, "ready");
  EXPECT_EQ(Found("GET", "/v2/models/%7Bm%7D").model, "{m}");
}

TEST(Routes, UnknownPathsAre404) {
  for (const std::string_view target :
       {"/", "//", "/v2//models", "/v3", "/v2/models", "/v2/models/m/versions", "/v2/models/m/x", "/V2", "/v2/health",
        "/v2/models/m/versions/1/infer/x", "/a/b/c/d/e/f/g/h", "/metrics/x", "/v1", "/?/v2"}) {
    EXPECT_EQ(Refused("GET", target).http_status, 404) << target;
  }
}

TEST(Routes, TraversalIsNoModel) {
  for (const std::string_view target : {"/v2/models/..", "/v2/models/.", "/v2/models/%2e%2e", "/v2/models/%2E%2e/infer",
                                        "/v2/models/a%2Fb", "/v2/models/..%2f..%2fetc", "/v2/models/a%5Cb",
                                        "/v2/models/a%00", "/v2/models/%ff", "/v2/models/m/../n", "/v2/models/%0a"}) {
    EXPECT_EQ(Refused("GET", target).http_status, 404) << target;
  }
}

TEST(Routes, BadTargetsAre400) {
  for (const std::string_view target :
       {"", "*", "http://host/v2", "/v2/models/a%", "/v2/models/a%4", "/v2/models/%zz"}) {
    EXPECT_EQ(Refused("GET", target).http_status, 400) << target;
  }
}

TEST(Routes, WrongMethodsAre405WithAllow) {
  const RouteError error = Refused("GET", "/v2/models/m/infer");
  EXPECT_EQ(error.http_status, 405);
  EXPECT_EQ(error.allow, "POST");
  EXPECT_EQ(error.message, "the method \"GET\" is not allowed for \"/v2/models/m/infer\"; use POST");
  EXPECT_EQ(Refused("POST", "/v2/health/live").allow, "GET, HEAD");
  EXPECT_EQ(Refused("get", "/v2").http_status, 405);
  EXPECT_EQ(Refused("HEAD", "/v1/embeddings").http_status, 405);
  EXPECT_TRUE(Found("HEAD", "/v2").head);
}

TEST(Routes, LongTargetsAndNamesAreRefused) {
  EXPECT_EQ(Refused("GET", "/v2/" + std::string(5000, 'a')).http_status, 414);
  EXPECT_EQ(Refused("GET", "/v2/models/" + std::string(257, 'a')).http_status, 404);
  EXPECT_EQ(Found("GET", "/v2/models/" + std::string(256, 'a')).model.size(), 256u);
}

TEST(Routes, ErrorsTakeTheEndpointsForm) {
  EXPECT_EQ(Refused("GET", "/v1/nothing").error_style, ErrorStyle::kOpenAi);
  EXPECT_EQ(Refused("GET", "/v2/nothing").error_style, ErrorStyle::kKserve);
  EXPECT_EQ(Found("POST", "/v1/embeddings").error_style, ErrorStyle::kOpenAi);
}

}  // namespace
}  // namespace strata::protocol
