// A piece of untrusted text for an error message: in quotes, at most 80 bytes of it, control characters escaped.
//
// For: messages that quote a tokenizer.json. Not for: JSON output.
//
//   absl::StrCat("model.type is ", Quoted(type))  // model.type is "BPE"
#ifndef STRATA_SYSTEMS_TEXT_QUOTED_H_
#define STRATA_SYSTEMS_TEXT_QUOTED_H_

#include <string>
#include <string_view>

namespace strata::text {

// REQUIRES: `text` is valid UTF-8. (A std::string, also since not every build of Abseil's StrCat takes
// std::string_view.)
std::string Quoted(std::string_view text);

}  // namespace strata::text

#endif  // STRATA_SYSTEMS_TEXT_QUOTED_H_
