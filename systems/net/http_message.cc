#include "systems/net/http_message.h"

#include <array>
#include <cstdio>

namespace strata::net {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> escaped;
      std::snprintf(escaped.data(), escaped.size(), "\\u%04x", static_cast<unsigned>(c));
      out->append(escaped.data());
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

}  // namespace

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (Lower(a[i]) != Lower(b[i])) return false;
  }
  return true;
}

void HttpHeaders::Add(std::string_view name, std::string_view value) {
  if (entries_.empty()) {
    bytes_.reserve(256);
    entries_.reserve(8);
  }
  entries_.push_back(
      {static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(name.size()), static_cast<uint32_t>(value.size())});
  bytes_.append(name).append(value);
}

void HttpHeaders::Set(std::string_view name, std::string_view value) {
  // The old bytes stay in bytes_, unused: headers are few and short-lived. `name` and `value` may point into bytes_.
  const std::string name_copy(name);
  const std::string value_copy(value);
  std::erase_if(entries_, [&](const Entry& e) {
    return EqualsIgnoreCase(std::string_view(bytes_).substr(e.offset, e.name_length), name_copy);
  });
  Add(name_copy, value_copy);
}

std::optional<std::string_view> HttpHeaders::Find(std::string_view name) const {
  for (const Entry& e : entries_) {
    if (e.name_length != name.size()) continue;
    const std::string_view all(bytes_);
    if (EqualsIgnoreCase(all.substr(e.offset, e.name_length), name)) {
      return all.substr(e.offset + e.name_length, e.value_length);
    }
  }
  return std::nullopt;
}

std::string_view HttpHeaders::Get(std::string_view name, std::string_view fallback) const {
  return Find(name).value_or(fallback);
}

size_t HttpHeaders::Count(std::string_view name) const {
  size_t count = 0;
  for (size_t i = 0; i < size(); ++i) count += EqualsIgnoreCase((*this)[i].name, name) ? 1 : 0;
  return count;
}

HttpHeaders::Field HttpHeaders::operator[](size_t i) const {
  const Entry& e = entries_[i];
  const std::string_view all(bytes_);
  return {all.substr(e.offset, e.name_length), all.substr(e.offset + e.name_length, e.value_length)};
}

HttpResponse ErrorResponse(int status, std::string_view message) {
  HttpResponse response;
  response.status = status;
  response.headers.Add("Content-Type", "application/json");
  response.body = "{\"error\":";
  AppendJsonString(message, &response.body);
  response.body.push_back('}');
  return response;
}

std::string RequestIdText(uint64_t id) {
  std::array<char, 17> text;
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(id));
  return std::string(text.data());
}

}  // namespace strata::net
