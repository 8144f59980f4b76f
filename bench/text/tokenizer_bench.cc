// A tokenizer of the size of Llama 3's, made up here: reading its file, and
// encoding and decoding text.  MB/s counts bytes of the file and of the text.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "text/loader.h"
#include "text/tokenizer.h"

namespace ounce {
namespace {

constexpr int kNumTokens = 128'000;
constexpr size_t kTextBytes = size_t{1} << 20;

// How a file spells its merges, which are most of it.
enum class Spelling { kPairs, kLines };

// Tokens of a byte-level vocabulary of lower-case words.  Each but the single
// letters is one before it and a letter, so that a merge makes it.
struct Words {
  std::vector<std::string> tokens;
  std::vector<size_t> stems;  // By token; the letters have none.
};

Words MakeWords() {
  Words words;
  words.tokens.emplace_back("Ġ");
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    words.tokens.emplace_back(1, letter);
  }
  words.stems.resize(words.tokens.size());
  // Level by level every letter is added to every token.
  for (size_t stem = 0; words.tokens.size() < kNumTokens; ++stem) {
    for (char letter = 'a'; letter <= 'z'; ++letter) {
      words.tokens.push_back(words.tokens[stem] + letter);
      words.stems.push_back(stem);
    }
  }
  return words;
}

std::string MakeMerges(const Words& words, Spelling spelling) {
  std::string merges;
  for (size_t i = 27; i < words.tokens.size(); ++i) {
    const std::string& left = words.tokens[words.stems[i]];
    const char right = words.tokens[i].back();
    const absl::string_view comma = i == 27 ? "" : ",";
    if (spelling == Spelling::kLines) {
      absl::StrAppend(&merges, comma, "\n      \"", left, " ",
                      std::string(1, right), "\"");
    } else {
      absl::StrAppend(&merges, comma, "\n      [\n        \"", left,
                      "\",\n        \"", std::string(1, right), "\"\n      ]");
    }
  }
  return merges;
}

std::string MakeFile(Spelling spelling) {
  const Words words = MakeWords();
  std::string vocab;
  for (size_t i = 0; i < words.tokens.size(); ++i) {
    absl::StrAppend(&vocab, i == 0 ? "" : ",", "\n      \"", words.tokens[i],
                    "\": ", i);
  }
  std::string added;
  for (int i = 0; i < 256; ++i) {
    absl::StrAppend(&added, i == 0 ? "" : ",", "{\"content\": \"<|reserved_", i,
                    "|>\", \"special\": true}");
  }
  return absl::StrCat(
      R"({"version": "1.0", "added_tokens": [)", added,
      R"(], "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
           "decoder": {"type": "ByteLevel"},
           "model": {"type": "BPE", "vocab": {)",
      vocab, "}, \"merges\": [", MakeMerges(words, spelling), "]}}");
}

// Words of 1 to 12 letters, short ones more often, a tenth of them new: about
// as many as English text has.
std::string MakeText() {
  std::minstd_rand random(1);
  std::vector<std::string> known;
  std::string text;
  while (text.size() < kTextBytes) {
    if (known.empty() || random() % 10 == 0) {
      std::string word(1 + std::min(random() % 12, random() % 12), ' ');
      for (char& c : word) c = static_cast<char>('a' + random() % 26);
      known.push_back(std::move(word));
    }
    const size_t rank =
        std::min(random() % known.size(), random() % known.size());
    absl::StrAppend(&text, text.empty() ? "" : " ", known[rank]);
  }
  return text;
}

const Tokenizer& Loaded() {
  static const auto* const tokenizer = new std::unique_ptr<Tokenizer>(
      *ParseTokenizerJson(MakeFile(Spelling::kLines)));
  return **tokenizer;
}

void SetBytes(benchmark::State& state, size_t bytes) {
  state.counters["MB/s"] =
      benchmark::Counter(1e-6 * static_cast<double>(bytes) *
                             static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
}

void BM_LoadTokenizer(benchmark::State& state, Spelling spelling) {
  const std::string file = MakeFile(spelling);
  for (auto _ : state) {
    auto tokenizer = ParseTokenizerJson(file);
    if (!tokenizer.ok()) state.SkipWithError("the file does not load");
    benchmark::DoNotOptimize(tokenizer);
  }
  SetBytes(state, file.size());
}
BENCHMARK_CAPTURE(BM_LoadTokenizer, pairs, Spelling::kPairs)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_LoadTokenizer, lines, Spelling::kLines)
    ->Unit(benchmark::kMillisecond);

void BM_Encode(benchmark::State& state) {
  const std::string text = MakeText();
  const Tokenizer& tokenizer = Loaded();
  for (auto _ : state) {
    benchmark::DoNotOptimize(tokenizer.Encode(text, false));
  }
  SetBytes(state, text.size());
}
BENCHMARK(BM_Encode)->Unit(benchmark::kMillisecond);

void BM_Decode(benchmark::State& state) {
  const Tokenizer& tokenizer = Loaded();
  const std::vector<int32_t> ids = *tokenizer.Encode(MakeText(), false);
  size_t bytes = 0;
  for (auto _ : state) bytes = tokenizer.Decode(ids, false).size();
  SetBytes(state, bytes);
}
BENCHMARK(BM_Decode)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ounce
