// tokenize TOKENIZER_JSON [--max_length=N] [--no_special] [--mode=ids|normalize|words] [--repeat=N]
//
// Reads texts from standard input, each as its length in bytes (4 bytes, little-endian) and its bytes, and prints a
// line for each: its ids; or, as hexadecimal UTF-8, the normalized text or its words. "error: ..." for a text that is
// refused.
// --repeat=N encodes everything N times instead and prints the tokens per second: a measurement, on one core.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "systems/text/bert_words.h"
#include "systems/text/word_piece_tokenizer.h"

namespace {

using strata::text::WordPieceTokenizer;

struct Arguments {
  std::string path;
  std::string mode = "ids";
  WordPieceTokenizer::Options options;
  bool special = true;
  int repeat = 0;
};

bool ParseArguments(int argc, char** argv, Arguments* arguments) {
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    const auto has_prefix = [&argument](const std::string& prefix) {
      if (argument.compare(0, prefix.size(), prefix) != 0) return false;
      argument.erase(0, prefix.size());
      return true;
    };
    int64_t number = 0;
    if (has_prefix("--max_length=")) {
      if (!absl::SimpleAtoi(argument, &number)) return false;
      arguments->options.max_length = number;
    } else if (has_prefix("--repeat=")) {
      if (!absl::SimpleAtoi(argument, &arguments->repeat)) return false;
    } else if (has_prefix("--mode=")) {
      arguments->mode = argument;
    } else if (argument == "--no_special") {
      arguments->special = false;
    } else if (arguments->path.empty()) {
      arguments->path = argument;
    } else {
      return false;
    }
  }
  return !arguments->path.empty();
}

std::vector<std::string_view> SplitRecords(std::string_view input) {
  std::vector<std::string_view> records;
  uint32_t size;
  while (input.size() >= sizeof(size)) {
    std::memcpy(&size, input.data(), sizeof(size));
    input.remove_prefix(sizeof(size));
    records.push_back(input.substr(0, size));
    input.remove_prefix(records.back().size());
  }
  return records;
}

std::string Line(const WordPieceTokenizer& tokenizer, const Arguments& arguments, std::string_view text) {
  if (arguments.mode == "ids") {
    std::vector<int64_t> ids;
    const absl::Status status = tokenizer.Encode(text, arguments.special, &ids);
    return status.ok() ? absl::StrJoin(ids, " ") : absl::StrCat("error: ", status.message());
  }
  const std::string normalized = tokenizer.NormalizeForTest(text);
  if (arguments.mode == "normalize") return absl::BytesToHexString(normalized);
  std::vector<std::string> words;
  strata::text::BertWords splitter(text);  // the text as it is: the pre-tokenizer alone
  for (std::string_view word; splitter.Next(&word);) words.push_back(absl::BytesToHexString(std::string(word)));
  return absl::StrJoin(words, " ");
}

void Measure(const WordPieceTokenizer& tokenizer, const Arguments& arguments,
             const std::vector<std::string_view>& records) {
  size_t tokens = 0;
  std::vector<int64_t> ids;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < arguments.repeat; ++i) {
    for (std::string_view record : records) {
      ids.clear();
      if (tokenizer.Encode(record, arguments.special, &ids).ok()) tokens += ids.size();
    }
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  std::printf("%.0f tokens/s\n", static_cast<double>(tokens) / seconds.count());
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!ParseArguments(argc, argv, &arguments)) {
    std::fprintf(stderr,
                 "usage: tokenize TOKENIZER_JSON [--max_length=N] [--no_special] "
                 "[--mode=ids|normalize|words] [--repeat=N] < records\n");
    return 2;
  }
  std::ifstream file(arguments.path, std::ios::binary);
  const std::string json((std::istreambuf_iterator<char>(file)), {});
  const auto tokenizer = WordPieceTokenizer::Create(json, arguments.options);
  if (!tokenizer.ok()) {
    std::fprintf(stderr, "%s: %s\n", arguments.path.c_str(), tokenizer.status().ToString().c_str());
    return 1;
  }
  const std::string input((std::istreambuf_iterator<char>(std::cin)), {});
  const std::vector<std::string_view> records = SplitRecords(input);
  if (arguments.repeat > 0) {
    Measure(**tokenizer, arguments, records);
    return 0;
  }
  for (std::string_view record : records) std::puts(Line(**tokenizer, arguments, record).c_str());
  return 0;
}
