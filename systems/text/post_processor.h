// The template around a text's ids: "[CLS] text [SEP]".
//
// For: single texts; the ids of the special tokens are fixed at construction. Not for: pairs, or type ids.
//
//   TemplateProcessor processor({{.ids = {101}}, {.is_text = true}, {.ids = {102}}});
//   processor.Apply(/*add_special_tokens=*/true, body, &ids);
#ifndef STRATA_SYSTEMS_TEXT_POST_PROCESSOR_H_
#define STRATA_SYSTEMS_TEXT_POST_PROCESSOR_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "systems/text/tokenizer_config.h"

namespace strata::text {

class TemplateProcessor {
 public:
  explicit TemplateProcessor(std::vector<TemplatePiece> pieces) : pieces_(std::move(pieces)) {
    for (const TemplatePiece& piece : pieces_) num_special_ += static_cast<int64_t>(piece.ids.size());
  }

  // How many ids the special tokens add to a text.
  int64_t num_special() const { return num_special_; }

  // Appends the template with `body` in the text's place; without special tokens, only the latter.
  void Apply(bool add_special_tokens, const std::vector<int64_t>& body, std::vector<int64_t>* ids) const {
    for (const TemplatePiece& piece : pieces_) {
      if (piece.is_text) {
        ids->insert(ids->end(), body.begin(), body.end());
      } else if (add_special_tokens) {
        ids->insert(ids->end(), piece.ids.begin(), piece.ids.end());
      }
    }
  }

 private:
  std::vector<TemplatePiece> pieces_;
  int64_t num_special_ = 0;
};

}  // namespace strata::text

#endif  // STRATA_SYSTEMS_TEXT_POST_PROCESSOR_H_
