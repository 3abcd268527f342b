#include "systems/text/bert_normalizer.h"

#include <algorithm>
#include <compare>
#include <vector>

#include "systems/text/utf8.h"

namespace strata::text {
namespace {
constexpr uint8_t kGone = 0xFF;  // no ASCII byte
}  // namespace

// The steps in the order of the reference (clean, ideographs, NFD and strip, lowercase), each pushing its output on to
// the next, so that no intermediate string is made. Only marks that are out of canonical order have to wait.
class BertNormalizer::Run {
 public:
  Run(const BertNormalizer& normalizer, std::string* out)
      : unicode_(normalizer.unicode_), config_(normalizer.config_), out_(out) {}

  void Push(char32_t c, uint8_t flags) {
    if (config_.clean_text) {
      if ((flags & kDropped) != 0) return;
      if ((flags & kWhitespace) != 0) return Decompose(' ', 0);
    }
    if (!config_.handle_chinese_chars || (flags & kIdeograph) == 0) return Decompose(c, flags);
    Decompose(' ', 0);
    Decompose(c, flags);
    Decompose(' ', 0);
  }

  // A starter: marks before it can no longer change places.
  void Flush() {
    if (waiting_.empty()) return;
    std::sort(waiting_.begin(), waiting_.end());
    for (const Mark& mark : waiting_) Lowercase(mark.value);
    waiting_.clear();
  }

 private:
  // Ordered by combining class; marks of one class stay as they came.
  struct Mark {
    uint8_t combining_class;
    size_t position;
    char32_t value;

    friend auto operator<=>(const Mark&, const Mark&) = default;
  };

  void Decompose(char32_t c, uint8_t flags) {
    if (!config_.strip_accents) return Lowercase(c);
    if ((flags & kDecomposes) == 0) return StripMark(c, flags);
    std::array<char32_t, 3> storage;
    for (char32_t part : unicode_.Decompose(c, &storage)) StripMark(part, unicode_.Flags(part));
  }

  void StripMark(char32_t c, uint8_t flags) {
    // The order is that of all marks, the ones that go included, but those of class 0 alone hold others apart.
    if ((flags & kNonStarter) == 0) Flush();
    if ((flags & kMark) != 0) return;
    if ((flags & kNonStarter) == 0) return Lowercase(c);
    waiting_.push_back({unicode_.CombiningClass(c), waiting_.size(), c});
  }

  void Lowercase(char32_t c) {
    if (!config_.lowercase || (unicode_.Flags(c) & kUppercase) == 0) return AppendUtf8(c, out_);
    std::array<char32_t, 3> storage;
    for (char32_t lower : unicode_.Lowercase(c, &storage)) AppendUtf8(lower, out_);
  }

  const UnicodeTables& unicode_;
  const NormalizerConfig& config_;
  std::string* out_;
  std::vector<Mark> waiting_;  // marks that are not Mn: nearly always empty, and then it owns no memory
};

BertNormalizer::BertNormalizer(const NormalizerConfig& config) : unicode_(UnicodeTables::Get()), config_(config) {
  if (config.clean_text) relevant_ |= kDropped | kWhitespace;
  if (config.handle_chinese_chars) relevant_ |= kIdeograph;
  if (config.strip_accents) relevant_ |= kMark | kDecomposes | kNonStarter;
  if (config.lowercase) relevant_ |= kUppercase;
  for (char32_t c = 0; c < ascii_.size(); ++c) {
    std::string out;
    Run(*this, &out).Push(c, unicode_.Flags(c));
    ascii_[c] = out.empty() ? kGone : static_cast<uint8_t>(out[0]);
  }
}

size_t BertNormalizer::AppendAscii(std::string_view text, size_t at, std::string* out) const {
  const size_t before = out->size();
  out->resize(before + text.size() - at);
  char* to = out->data() + before;
  for (; at < text.size(); ++at) {
    const auto byte = static_cast<uint8_t>(text[at]);
    if (byte >= ascii_.size()) break;
    *to = static_cast<char>(ascii_[byte]);
    to += ascii_[byte] != kGone;
  }
  out->resize(static_cast<size_t>(to - out->data()));
  return at;
}

void BertNormalizer::Normalize(std::string_view text, std::string* out) const {
  Run run(*this, out);
  for (size_t at = 0; at < text.size();) {
    if (static_cast<uint8_t>(text[at]) < 0x80) {
      run.Flush();
      at = AppendAscii(text, at, out);
      continue;
    }
    const CodePoint c = DecodeUtf8(text, at);
    const uint8_t flags = unicode_.Flags(c.value);
    if ((flags & relevant_) == 0) {
      run.Flush();
      out->append(text, at, c.length);
    } else {
      run.Push(c.value, flags);
    }
    at += c.length;
  }
  run.Flush();
}

}  // namespace strata::text
