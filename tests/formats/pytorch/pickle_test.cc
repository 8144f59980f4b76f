#include "formats/pytorch/pickle.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/formats/pytorch/pickle_ops.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;
using Kind = PickleValue::Kind;

absl::Status ParseStatus(const std::string& bytes,
                         const PickleOptions& options = {}) {
  return Pickle::Parse(AsBytes(bytes), options).status();
}

testing::Matcher<absl::Status> Invalid(const std::string& words) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words));
}

std::string Repeat(const std::string& text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(PickleTest, GivesTheRootAndItsItems) {
  const std::string bytes = Protocol2(Dict({{"a", Ints({3, 4})}}));
  ASSERT_OK_AND_ASSIGN(const Pickle pickle, Pickle::Parse(AsBytes(bytes), {}));
  const PickleValue& root = pickle.at(pickle.root());
  ASSERT_EQ(root.kind, Kind::kDict);
  ASSERT_EQ(root.items.size(), 2u);
  EXPECT_EQ(pickle.at(root.items[0]).text, "a");
  const PickleValue& tuple = pickle.at(root.items[1]);
  ASSERT_EQ(tuple.items.size(), 2u);
  EXPECT_EQ(pickle.at(tuple.items[1]).integer, 4);
}

TEST(PickleTest, RefusesBytesAfterItsEnd) {
  EXPECT_THAT(ParseStatus(Protocol2("N") + "x"),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("1 bytes after its end, at byte 3")));
}

TEST(PickleTest, RefusesAValueThatHoldsItself) {
  // l = []; l.append(l)
  EXPECT_THAT(ParseStatus(Protocol2("]q\x01h\x01"
                                    "a")),
              Invalid("a list holds itself"));
  // d = {}; d['k'] = ([d],)
  EXPECT_THAT(ParseStatus(Protocol2("}q\x01" + Str("k") +
                                    "]h\x01"
                                    "a\x85s")),
              Invalid("a dict holds itself"));
  // The same value twice is no circle.
  EXPECT_OK(ParseStatus(Protocol2("(]q\x01h\x01h\x01t")));
}

TEST(PickleTest, TakesDeepNestingWithoutRecursion) {
  constexpr size_t kDepth = 1'000'000;
  EXPECT_OK(ParseStatus(Protocol2("N" + std::string(kDepth, '\x85'))));
  EXPECT_OK(ParseStatus(
      Protocol2(std::string(kDepth, ']') + std::string(kDepth - 1, 'a'))));
  EXPECT_OK(ParseStatus(
      Protocol2(std::string(kDepth, '(') + std::string(kDepth, 't'))));
}

// Each tuple holds the one before twice: 2^100 if it were written out.
TEST(PickleTest, VisitsSharedValuesOnce) {
  EXPECT_OK(ParseStatus(Protocol2("N" + Repeat("2\x86", 100))));
}

TEST(PickleTest, TakesAMillionOpcodes) {
  EXPECT_OK(ParseStatus(Protocol2("(" + Repeat("N", 1'000'000) + "t")));
}

TEST(PickleTest, BoundsBytesOpcodesAndValues) {
  PickleOptions options;
  options.max_bytes = 100;
  EXPECT_OK(ParseStatus(Protocol2("(" + Repeat("N", 95) + "t"), options));
  EXPECT_THAT(ParseStatus(Protocol2("(" + Repeat("N", 96) + "t"), options),
              Invalid("a pickle of 101 bytes; expected at most 100"));
  options = {};
  options.max_opcodes = 10;
  EXPECT_OK(ParseStatus(Protocol2("(NNNNNNNt"), options));
  EXPECT_THAT(ParseStatus(Protocol2("(NNNNNNNNt"), options),
              Invalid("more than 10 opcodes"));
  options = {};
  options.max_values = 10;
  EXPECT_THAT(ParseStatus(Protocol2("(" + Repeat("]", 20) + "t"), options),
              Invalid("more than 10 values"));
}

TEST(PickleTest, BoundsTheMemo) {
  std::string opcodes = "N";
  for (uint64_t i = 0; i < 20; ++i) opcodes += "r" + Le(i << 24, 4);
  PickleOptions options;
  options.max_values = 10;
  EXPECT_THAT(ParseStatus(Protocol2(opcodes), options),
              Invalid("more than 10 values remembered"));
  options.max_values = 30;
  EXPECT_OK(ParseStatus(Protocol2(opcodes), options));
}

// By default a hostile pickle of 64 MiB is refused long before its end.
TEST(PickleTest, RefusesAPickleOfNothingButValues) {
  EXPECT_THAT(ParseStatus(Protocol2(std::string(4 << 20, '}'))),
              Invalid("more than 2097152 values"));
  EXPECT_THAT(ParseStatus(Protocol2("N" + std::string(9 << 20, '2'))),
              Invalid("more than 8388608 opcodes"));
}

TEST(PickleTest, NamesEveryKind) {
  for (int kind = 0; kind <= static_cast<int>(Kind::kPersistent); ++kind) {
    EXPECT_NE(KindName(static_cast<Kind>(kind)), "an unknown value");
  }
}

}  // namespace
}  // namespace ounce
