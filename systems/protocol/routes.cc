#include "systems/protocol/routes.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "systems/protocol/json_writer.h"
#include "systems/protocol/quote.h"
#include "systems/protocol/text.h"

namespace strata::protocol {
namespace {

// A pattern's segment that is a name: {m} the model, {v} the version.
constexpr std::string_view kModel = "{m}";
constexpr std::string_view kVersion = "{v}";
constexpr size_t kMaxSegments = 6;

struct Pattern {
  Endpoint endpoint;
  bool is_post;
  std::array<std::string_view, kMaxSegments> segments;  // empty ones at the end do not count
};

constexpr Pattern kPatterns[] = {
    {Endpoint::kLive, false, {"v2", "health", "live"}},
    {Endpoint::kReady, false, {"v2", "health", "ready"}},
    {Endpoint::kServerMetadata, false, {"v2"}},
    {Endpoint::kModelMetadata, false, {"v2", "models", kModel}},
    {Endpoint::kModelMetadata, false, {"v2", "models", kModel, "versions", kVersion}},
    {Endpoint::kModelReady, false, {"v2", "models", kModel, "ready"}},
    {Endpoint::kModelReady, false, {"v2", "models", kModel, "versions", kVersion, "ready"}},
    {Endpoint::kInfer, true, {"v2", "models", kModel, "infer"}},
    {Endpoint::kInfer, true, {"v2", "models", kModel, "versions", kVersion, "infer"}},
    {Endpoint::kModelIndex, true, {"v2", "repository", "index"}},
    {Endpoint::kEmbeddings, true, {"v1", "embeddings"}},
    {Endpoint::kOpenAiModels, false, {"v1", "models"}},
    {Endpoint::kOpenAiModel, false, {"v1", "models", kModel}},
    {Endpoint::kMetrics, false, {"metrics"}},
};

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Empty if a '%' is not followed by two hexadecimal digits.
std::optional<std::string> PercentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexValue(text[i + 1]), low = HexValue(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

// Decoded after the path was split, so that %2F cannot make new segments.
bool IsSafeSegment(std::string_view segment) {
  if (segment.empty() || segment == "." || segment == "..") return false;
  const auto bad = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '/' || c == '\\'; };
  return std::none_of(segment.begin(), segment.end(), bad) && IsUtf8(segment);
}

class Matcher {
 public:
  Matcher(std::string_view method, std::string_view target, const Limits& limits)
      : method_(method), target_(target), limits_(limits) {
    style_ = target.starts_with("/v1/") ? ErrorStyle::kOpenAi : ErrorStyle::kKserve;
  }

  RouteResult Match() {
    if (target_.size() > static_cast<size_t>(limits_.max_target_bytes)) {
      return Error(
          414, Cat("the request target has ", target_.size(), " bytes, but the limit is ", limits_.max_target_bytes));
    }
    if (!target_.starts_with('/')) {
      return Error(400, Cat("the request target is ", Quote(target_), ", but wanted a path that begins with /"));
    }
    if (std::optional<RouteError> error = Split()) return *std::move(error);
    for (const Pattern& pattern : kPatterns) {
      if (Matches(pattern)) return ForMethod(pattern);
    }
    return NotFound();
  }

 private:
  RouteError Error(int http_status, std::string message) const {
    return RouteError{http_status, std::move(message), "", style_};
  }
  RouteError NotFound() const { return Error(404, Cat("there is no endpoint ", Quote(target_))); }

  // Cuts the path into decoded segments.
  std::optional<RouteError> Split() {
    std::string_view path = target_.substr(1, target_.find('?') - 1);
    if (path.ends_with('/')) path.remove_suffix(1);
    for (;;) {
      const size_t slash = path.find('/');
      std::optional<std::string> segment = PercentDecode(path.substr(0, slash));
      if (!segment) {
        return Error(400,
                     Cat("the request target ", Quote(target_), " has a % that two hexadecimal digits do not follow"));
      }
      if (!IsSafeSegment(*segment) || count_ == kMaxSegments) return NotFound();
      segments_[count_++] = *std::move(segment);
      if (slash == std::string_view::npos) return std::nullopt;
      path.remove_prefix(slash + 1);
    }
  }

  bool Matches(const Pattern& pattern) const {
    for (size_t i = 0; i < kMaxSegments; ++i) {
      const std::string_view wanted = pattern.segments[i];
      if (wanted.empty() || i >= count_) return wanted.empty() && i >= count_;
      if (wanted != kModel && wanted != kVersion && wanted != segments_[i]) return false;
    }
    return true;
  }

  RouteResult ForMethod(const Pattern& pattern) {
    const bool is_get = method_ == "GET" || method_ == "HEAD";
    if (pattern.is_post ? method_ != "POST" : !is_get) {
      RouteError error = Error(405, Cat("the method ", Quote(method_), " is not allowed for ", Quote(target_), "; use ",
                                        pattern.is_post ? "POST" : "GET"));
      error.allow = pattern.is_post ? "POST" : "GET, HEAD";
      return error;
    }
    Route route;
    route.endpoint = pattern.endpoint;
    route.head = method_ == "HEAD";
    route.error_style = style_;
    for (size_t i = 0; i < count_; ++i) {
      if (pattern.segments[i] != kModel && pattern.segments[i] != kVersion) continue;
      if (segments_[i].size() > static_cast<size_t>(limits_.max_name_bytes)) return NotFound();
      (pattern.segments[i] == kModel ? route.model : route.version) = std::move(segments_[i]);
    }
    return route;
  }

  std::string_view method_;
  std::string_view target_;
  const Limits& limits_;
  ErrorStyle style_;
  std::array<std::string, kMaxSegments> segments_;
  size_t count_ = 0;
};

}  // namespace

RouteResult MatchRoute(std::string_view method, std::string_view target, const Limits& limits) {
  return Matcher(method, target, limits).Match();
}

}  // namespace strata::protocol
