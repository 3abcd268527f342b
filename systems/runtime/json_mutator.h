// Changes JSON text the way that a liar would: it stays JSON, mostly, but says something else. For fuzzing readers,
// whose parsers turn away nearly everything that random bytes make.
//
//   JsonMutator mutator(seed);
//   text = mutator.Mutate(text);   // a size, a name, a dtype or a whole element is another one, twice there, or gone
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace strata::runtime {

class JsonMutator {
 public:
  explicit JsonMutator(uint32_t seed) : random_(seed) {}

  // One change; the text itself where it has nothing to change.
  std::string Mutate(const std::string& text);

 private:
  // A string with its quotes, a number or word, or one of {}[]:, and where it stands.
  struct Token {
    size_t begin, size;
    char kind;  // '"', '0' for numbers and words, else itself
  };
  static std::vector<Token> Split(std::string_view text);
  // The end of the value that begins with token `at`; at itself where it does not begin one.
  static size_t EndOfValue(const std::vector<Token>& tokens, size_t at);

  size_t Any(size_t count) { return random_() % count; }
  std::string AnyNumber();
  std::string AnyWord();

  std::mt19937 random_;
};

}  // namespace strata::runtime
