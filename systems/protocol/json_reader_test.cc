#include "systems/protocol/json_reader.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>
#include <string>
#include <vector>

#include "systems/protocol/json_writer.h"
#include "systems/protocol/text.h"

namespace strata::protocol {
namespace {

absl::Status Check(std::string_view text, int max_depth = 32) {
  JsonReader json(text, max_depth);
  json.SkipValue();
  json.Finish();
  return json.status();
}

// simdjson is the independent judge of what is JSON.
simdjson::error_code Judge(std::string_view text) {
  simdjson::dom::parser parser;
  return parser.parse(text.data(), text.size()).error();
}
bool SimdjsonAccepts(std::string_view text) { return Judge(text) == simdjson::SUCCESS; }

TEST(JsonReader, AcceptsJson) {
  for (const std::string_view text :
       {"0", "-0", "1.5e+3", "1E5", "true", "false", "null", "\"\"", "[]", "{}", " [ 1 , 2 ]\n", "{\"a\":{\"b\":[[]]}}",
        "\"\\ud83d\\ude00\\u00e9\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"h\xC3\xA9\"", "[true,false,null,\"x\",-1.25]"}) {
    EXPECT_TRUE(Check(text).ok()) << text << ": " << Check(text);
    EXPECT_TRUE(SimdjsonAccepts(text)) << text;
  }
}

TEST(JsonReader, RefusesWhatIsNotJson) {
  for (const std::string_view text : {"",
                                      " ",
                                      "01",
                                      "-",
                                      "+1",
                                      ".5",
                                      "1.",
                                      "1e",
                                      "1e+",
                                      "- 1",
                                      "tru",
                                      "truex",
                                      "nul",
                                      "[1,]",
                                      "[,1]",
                                      "[1 2]",
                                      "[1",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{'a':1}",
                                      "\"",
                                      "\"\\x\"",
                                      "\"\\u12g4\"",
                                      "\"\\ud800\"",
                                      "\"\\ude00\"",
                                      "\"\\ud800\\u0041\"",
                                      "\"a\nb\"",
                                      "\"\\",
                                      "\"\\u",
                                      "[]]",
                                      "1 2",
                                      "[1}",
                                      "{\"a\":1]",
                                      "/**/1",
                                      "\xEF\xBB\xBF[]",
                                      "\"\xFF\"",
                                      "\"\xC0\x80\"",
                                      "\"\xED\xA0\x80\"",
                                      "\"\xF4\x90\x80\x80\"",
                                      "\"\xC3"}) {
    EXPECT_FALSE(Check(text).ok()) << text;
    EXPECT_FALSE(SimdjsonAccepts(text)) << text;
  }
}

TEST(JsonReader, AgreesWithSimdjsonOnRandomEdits) {
  const std::string seed = R"({"id":"\u00e9x","inputs":[{"shape":[2,-3],"data":[1.5e3,-0,true,null,[],{}]}]})";
  constexpr std::string_view kAlphabet = "{}[]:,\"\\ue0123459.-+tfn aA\n";
  std::mt19937 random(7);
  for (int i = 0; i < 50000; ++i) {
    std::string text = seed;
    for (unsigned edits = 1 + random() % 3; edits > 0; --edits) {
      const size_t at = random() % text.size();
      const char c = kAlphabet[random() % kAlphabet.size()];
      if (random() % 2 == 0) {
        text[at] = c;
      } else {
        text.insert(at, 1, c);
      }
    }
    const bool accepts = Check(text).ok();
    // JSON sets numbers no limit, but simdjson refuses what overflows a double, such as 1.5e3999.
    if (accepts && Judge(text) == simdjson::NUMBER_ERROR && text.find("1.5") != std::string::npos) continue;
    ASSERT_EQ(accepts, SimdjsonAccepts(text)) << text << "\n" << Check(text);
  }
}

TEST(JsonReader, StringsEqualSimdjsonsAndSurviveTheWriter) {
  std::mt19937 random(3);
  for (int i = 0; i < 3000; ++i) {
    std::string value;
    for (unsigned n = random() % 12; n > 0; --n) {
      static constexpr std::string_view kPieces[] = {"a",    "\"",   "\\",       "\n",
                                                     "\x01", "\x7F", "\xC3\xA9", "\xF0\x9F\x98\x80"};
      value.append(kPieces[random() % 8]);
    }
    std::string text;
    AppendJsonString(value, &text);
    JsonReader json(text, 1);
    std::string_view read;
    ASSERT_TRUE(json.ReadString(&read) && json.Finish()) << text;
    EXPECT_EQ(read, value);
    simdjson::dom::parser parser;
    std::string_view judged;
    ASSERT_EQ(parser.parse(text).get(judged), simdjson::SUCCESS);
    EXPECT_EQ(judged, value);
  }
}

TEST(JsonReader, StopsAtTheDepthLimit) {
  EXPECT_TRUE(Check("[[[]]]", 3).ok());
  EXPECT_EQ(ToStd(Check("[[[[]]]]", 3).message()), "the request's JSON is nested deeper than the limit of 3 levels");
  EXPECT_FALSE(Check(std::string(1000000, '[')).ok());
  EXPECT_FALSE(Check("{\"a\":[{\"b\":1}]}", 2).ok());
  EXPECT_TRUE(Check("[[],[],[]]", 2).ok());  // leaving gives the level back
}

TEST(JsonReader, SaysWhereAndWhat) {
  EXPECT_EQ(ToStd(Check("[1;2]").message()),
            "the request's JSON is not valid at byte 2: wanted ',' or ']' but found \";2]\"");
  EXPECT_EQ(ToStd(Check("{\"a\":").message()),
            "the request's JSON is not valid at byte 5: wanted a value but found the end");
  EXPECT_EQ(ToStd(Check("\"\xFF\"").message()), "the request's JSON is not valid UTF-8");
  for (const std::string_view text : {"[NaN]", "[-Infinity]", "[Infinity]"}) {
    EXPECT_NE(Check(text).message().find("JSON has no NaN"), absl::string_view::npos) << Check(text);
  }
}

TEST(JsonReader, TheFirstFailureStays) {
  JsonReader json("[1, 2, 3]", 4);
  ASSERT_TRUE(json.EnterArray());
  ASSERT_TRUE(json.NextElement());
  json.Fail(absl::OutOfRangeError("first"));
  json.Fail(absl::InvalidArgumentError("second"));
  EXPECT_FALSE(json.NextElement());
  EXPECT_FALSE(json.EnterArray());
  EXPECT_FALSE(json.Finish());
  EXPECT_EQ(json.status(), absl::OutOfRangeError("first"));
}

TEST(JsonReader, ReadsAValueAgainFromAMark) {
  JsonReader json("{\"a\":[1,2],\"b\":3}", 4);
  std::string_view key;
  json.EnterObject();
  ASSERT_TRUE(json.NextKey(&key));
  const JsonReader::Mark mark = json.Save();
  json.SkipValue();
  ASSERT_TRUE(json.NextKey(&key));
  json.SkipValue();
  EXPECT_FALSE(json.NextKey(&key));
  const JsonReader::Mark after = json.Save();
  json.Restore(mark);
  Decimal number;
  json.EnterArray();
  int64_t sum = 0;
  while (json.NextElement() && json.ReadNumber(&number)) sum += static_cast<int64_t>(number.mantissa);
  EXPECT_EQ(sum, 3);
  json.Restore(after);
  EXPECT_TRUE(json.Finish()) << json.status();
}

TEST(JsonWriter, ReplacesBytesThatAreNotUtf8) {
  std::string out;
  AppendJsonString("a\xFF\xC3\xA9\xF0\x9F", &out);
  EXPECT_EQ(out, "\"a\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace strata::protocol
