// Input: a method, a space, a target.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "systems/protocol/json_writer.h"
#include "systems/protocol/routes.h"

namespace {

void Must(bool holds) {
  if (!holds) std::abort();
}

void CheckName(std::string_view name) {
  Must(name != "." && name != ".." && name.find_first_of(std::string_view("/\\\0\n", 4)) == std::string_view::npos);
  Must(name.size() <= 256 && strata::protocol::IsUtf8(name));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return 0;
  const strata::protocol::RouteResult result =
      strata::protocol::MatchRoute(line.substr(0, space), line.substr(space + 1), strata::protocol::Limits());
  if (const auto* route = std::get_if<strata::protocol::Route>(&result)) {
    CheckName(route->model);
    CheckName(route->version);
    const bool has_model = route->endpoint == strata::protocol::Endpoint::kInfer;
    Must(!has_model || !route->model.empty());
    return 0;
  }
  const auto& error = std::get<strata::protocol::RouteError>(result);
  Must(error.http_status == 400 || error.http_status == 404 || error.http_status == 405 || error.http_status == 414);
  Must((error.http_status == 405) == !error.allow.empty() && strata::protocol::IsUtf8(error.message));
  return 0;
}
