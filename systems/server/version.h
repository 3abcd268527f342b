// The server's version: of --version, of the metadata, of the log.
#pragma once

#include <string_view>

namespace strata::server {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace strata::server
