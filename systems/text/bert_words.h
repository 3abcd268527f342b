// BERT's pre-tokenizer: words are what white space separates, and every punctuation character is a word.
//
// For: normalized text. The white space and punctuation are those of BertPreTokenizer in Hugging Face `tokenizers`.
//
//   BertWords words(text); std::string_view word;
//   while (words.Next(&word)) ...
#ifndef STRATA_SYSTEMS_TEXT_BERT_WORDS_H_
#define STRATA_SYSTEMS_TEXT_BERT_WORDS_H_

#include <cstddef>
#include <string_view>

#include "systems/text/unicode_tables.h"
#include "systems/text/utf8.h"

namespace strata::text {

class BertWords {
 public:
  // REQUIRES: `text` is valid UTF-8 and outlives this.
  explicit BertWords(std::string_view text) : unicode_(UnicodeTables::Get()), text_(text) {}

  // The next word, never empty; false where there is none left.
  bool Next(std::string_view* word) {
    size_t begin = at_;
    while (at_ < text_.size()) {
      const CodePoint c = DecodeUtf8(text_, at_);
      const uint8_t flags = unicode_.Flags(c.value);
      if ((flags & (kWhitespace | kPunctuation)) == 0) {
        at_ += c.length;
        continue;
      }
      if (at_ != begin) break;  // the word before it; what ended it is looked at again
      at_ += c.length;
      if ((flags & kWhitespace) == 0) break;
      begin = at_;
    }
    *word = text_.substr(begin, at_ - begin);
    return !word->empty();
  }

 private:
  const UnicodeTables& unicode_;
  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace strata::text

#endif  // STRATA_SYSTEMS_TEXT_BERT_WORDS_H_
