// Oracle: the opcodes' definitions in CPython's Lib/pickletools.py, and pickles
// that its pickle.dumps() gives for the value named beside them.
#include "formats/pytorch/pickle_machine.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/formats/pytorch/pickle_ops.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Kind = PickleValue::Kind;

constexpr absl::string_view kGlobals[] = {"collections.OrderedDict", "m.f"};

absl::StatusOr<Pickle> Parse(const std::string& bytes) {
  PickleOptions options;
  options.globals = kGlobals;
  return Pickle::Parse(AsBytes(bytes), options);
}
absl::Status ParseStatus(const std::string& bytes) {
  return Parse(bytes).status();
}

// The value as Python's repr() would have it; a call as f(arguments), an object
// outside the pickle as <id>.
std::string Repr(const Pickle& pickle, PickleId id) {
  const PickleValue& value = pickle.at(id);
  std::string items;
  for (size_t i = 0; i < value.items.size(); ++i) {
    const bool is_value = value.kind == Kind::kDict && i % 2 == 1;
    absl::StrAppend(&items,
                    i == 0     ? ""
                    : is_value ? ": "
                               : ", ",
                    Repr(pickle, value.items[i]));
  }
  switch (value.kind) {
    case Kind::kNone:
      return "None";
    case Kind::kBool:
      return value.integer != 0 ? "True" : "False";
    case Kind::kInteger:
      return absl::StrCat(value.integer);
    case Kind::kLongInteger:
      return "long";
    case Kind::kFloat:
      return absl::StrCat(value.real);
    case Kind::kString:
      return absl::StrCat("'", value.text, "'");
    case Kind::kBytes:
      return absl::StrCat("b'", value.text, "'");
    case Kind::kTuple:
      return absl::StrCat("(", items, ")");
    case Kind::kList:
      return absl::StrCat("[", items, "]");
    case Kind::kDict:
      return absl::StrCat("{", items, "}");
    case Kind::kGlobal:
      return std::string(value.text);
    case Kind::kCall:
      return absl::StrCat(Repr(pickle, value.items[0]),
                          Repr(pickle, value.items[1]));
    case Kind::kPersistent:
      return absl::StrCat("<", items, ">");
  }
  return "";
}

// "error" when it does not parse.
std::string ReprOf(const std::string& bytes) {
  const absl::StatusOr<Pickle> pickle = Parse(bytes);
  EXPECT_OK(pickle.status());
  return pickle.ok() ? Repr(*pickle, pickle->root()) : "error";
}

testing::Matcher<absl::Status> Invalid(const std::string& words) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words));
}
testing::Matcher<absl::Status> DataLoss(const std::string& words) {
  return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(words));
}

TEST(PickleMachineTest, ReadsConstantsAndNumbers) {
  EXPECT_EQ(ReprOf(Protocol2("N")), "None");
  EXPECT_EQ(ReprOf(Protocol2("\x88")), "True");
  EXPECT_EQ(ReprOf(Protocol2("\x89")), "False");
  EXPECT_EQ(ReprOf(Protocol2("K\xFF")), "255");
  EXPECT_EQ(ReprOf(Protocol2("M\xFE\xFF")), "65534");
  EXPECT_EQ(ReprOf(Protocol2("J\xFE\xFF\xFF\xFF")), "-2");
  // 1.5 is 3FF8 0000 0000 0000, big endian.
  EXPECT_EQ(ReprOf(Protocol2("G\x3F\xF8" + std::string(6, '\0'))), "1.5");
}

// pickletools: LONG1 of 0 bytes is 0, 0xFF00 is -256, 0x00FF with a byte of 0
// in front is 255.
TEST(PickleMachineTest, ReadsLongIntegersInTwosComplement) {
  EXPECT_EQ(ReprOf(Protocol2(std::string("\x8A\0", 2))), "0");
  EXPECT_EQ(ReprOf(Protocol2(std::string("\x8A\x02\0\xFF", 4))), "-256");
  EXPECT_EQ(ReprOf(Protocol2(std::string("\x8A\x02\xFF\0", 4))), "255");
  EXPECT_EQ(ReprOf(Protocol2(std::string("\x8B\x01\0\0\0\x80", 6))), "-128");
  EXPECT_EQ(ReprOf(Protocol2(Int(-(int64_t{1} << 62)))),
            "-4611686018427387904");
  // 2^63 needs a ninth byte, and 2^8000 a thousand; neither is computed.
  EXPECT_EQ(ReprOf(Protocol2("\x8A\x09" + std::string(7, '\0') + "\x80" +
                             std::string(1, '\0'))),
            "long");
  EXPECT_EQ(ReprOf(Protocol2("\x8B" + Le(1001, 4) + std::string(1000, '\0') +
                             "\x01")),
            "long");
  EXPECT_THAT(ParseStatus(Protocol2("\x8B" + Le(~0ull, 4))),
              Invalid("LONG4: an integer of -1 bytes"));
  EXPECT_THAT(ParseStatus(Protocol2("\x8B" + Le(0x7FFFFFFF, 4))),
              DataLoss("needs 2147483647 bytes"));
}

TEST(PickleMachineTest, ReadsTextsOfEveryLength) {
  EXPECT_EQ(ReprOf(Protocol2("\x8C\x02hi")), "'hi'");
  EXPECT_EQ(ReprOf(Protocol2("X" + Le(3, 4) + "\xE2\x82\xAC")), "'€'");
  EXPECT_EQ(ReprOf(Protocol2("\x8D" + Le(2, 8) + "hi")), "'hi'");
  EXPECT_EQ(ReprOf(Protocol2("C\x02hi")), "b'hi'");
  EXPECT_EQ(ReprOf(Protocol2("B" + Le(2, 4) + "hi")), "b'hi'");
  EXPECT_EQ(ReprOf(Protocol2("\x8E" + Le(2, 8) + "hi")), "b'hi'");
  EXPECT_EQ(ReprOf(Protocol2("\x96" + Le(2, 8) + "hi")), "b'hi'");
  EXPECT_EQ(ReprOf(Protocol2("U\x02hi")), "'hi'");
  EXPECT_EQ(ReprOf(Protocol2("T" + Le(1, 4) + "\xFF")), "b'\xFF'");
}

TEST(PickleMachineTest, RefusesTextsThatLieOrAreNone) {
  EXPECT_THAT(ParseStatus(Protocol2("\x8C\x05hi")),
              DataLoss("at byte 2: SHORT_BINUNICODE: truncated: needs 5 bytes "
                       "at byte 4, but the pickle ends at 7"));
  for (const std::string& opcode :
       {"X" + Le(0xFFFFFFFF, 4), "\x8D" + Le(~0ull, 8), "B" + Le(1000, 4),
        "\x8E" + Le(uint64_t{1} << 63, 8), "\x96" + Le(~0ull, 8),
        "T" + Le(0x7FFFFFFF, 4)}) {
    EXPECT_THAT(ParseStatus(Protocol2(opcode + "hi")), DataLoss("truncated"));
  }
  EXPECT_THAT(ParseStatus(Protocol2("T" + Le(0x80000000, 4) + "hi")),
              Invalid("a string of -2147483648 bytes"));
  EXPECT_THAT(ParseStatus(Protocol2("\x8C\x01\xFF")), Invalid("not UTF-8"));
}

TEST(PickleMachineTest, BuildsTuplesListsAndDicts) {
  EXPECT_EQ(ReprOf(Protocol2(")")), "()");
  EXPECT_EQ(ReprOf(Protocol2("K\x01\x85")), "(1)");
  EXPECT_EQ(ReprOf(Protocol2("K\x01K\x02\x86")), "(1, 2)");
  EXPECT_EQ(ReprOf(Protocol2("K\x01K\x02K\x03\x87")), "(1, 2, 3)");
  EXPECT_EQ(ReprOf(Protocol2("(K\x01K\x02K\x03K\x04t")), "(1, 2, 3, 4)");
  EXPECT_EQ(ReprOf(Protocol2("]K\x01"
                             "a(K\x02K\x03"
                             "e")),
            "[1, 2, 3]");
  EXPECT_EQ(ReprOf(Protocol2("}" + Str("a") + "K\x01s(" + Str("b") + "Nu")),
            "{'a': 1, 'b': None}");
  EXPECT_EQ(ReprOf(Protocol2("K\x01"
                             "2\x86")),
            "(1, 1)");
  EXPECT_EQ(ReprOf(Protocol2("N"
                             "0(K\x01K\x02"
                             "1K\x03")),
            "3");
}

// pickle.dumps([('a', 1), ('a', 1)] with the tuple shared, 4): a frame, an
// entry of the memo for each string, tuple and list.
TEST(PickleMachineTest, ReadsWhatPythonWritesInProtocol4) {
  EXPECT_EQ(ReprOf(std::string("\x80\x04\x95\x0f\0\0\0\0\0\0\0]\x94(\x8c\x01"
                               "a\x94K\x01\x86\x94h\x02"
                               "e.",
                               11 + 15)),
            "[('a', 1), ('a', 1)]");
}

TEST(PickleMachineTest, RemembersByNumberAndInTurn) {
  EXPECT_EQ(
      ReprOf(Protocol2("(" + Str("a") + "q\x05" + Str("b") + "r" +
                       Le(0x80000000, 4) + "h\x05j" + Le(0x80000000, 4) + "t")),
      "('a', 'b', 'a', 'b')");
  EXPECT_EQ(ReprOf(Protocol2("(" + Str("a") + "\x94" + Str("b") + "\x94h\x01h" +
                             std::string(1, '\0') + "t")),
            "('a', 'b', 'b', 'a')");
  EXPECT_THAT(ParseStatus(Protocol2("h\x07")),
              Invalid("BINGET: memo entry 7 was not set before"));
  EXPECT_THAT(ParseStatus(Protocol2("j" + Le(0xFFFFFFFF, 4))),
              Invalid("memo entry 4294967295 was not set"));
  EXPECT_THAT(ParseStatus(Protocol2("q\x01N")), Invalid("takes more values"));
}

TEST(PickleMachineTest, KeepsCallsAsData) {
  EXPECT_EQ(ReprOf(Protocol2("cm\nf\n(K\x01K\x02tR")), "m.f(1, 2)");
  EXPECT_EQ(ReprOf(Protocol2("cm\nf\n)\x81")), "m.f()");
  EXPECT_EQ(ReprOf(Protocol2("\x8C\x01m\x8C\x01"
                             "f\x93)R")),
            "m.f()");
  EXPECT_EQ(ReprOf(Protocol2(Str("id") + "Q")), "<'id'>");
  // Attributes are dropped.
  EXPECT_EQ(ReprOf(Protocol2("cm\nf\n)R}b")), "m.f()");
  EXPECT_EQ(ReprOf(Protocol2("ccollections\nOrderedDict\n)R(" + Str("k") +
                             "K\x01u}" + Str("_metadata") + "}sb")),
            "{'k': 1}");
}

TEST(PickleMachineTest, RefusesEveryOtherGlobalByName) {
  EXPECT_THAT(ParseStatus(Protocol2("cos\nsystem\n(" + Str("id") + "tR")),
              Invalid("at byte 2: GLOBAL: global 'os.system' is none of those "
                      "that weights need; nothing was run"));
  EXPECT_THAT(ParseStatus(Protocol2("\x8C\x08"
                                    "builtins\x8C\x04"
                                    "eval\x93")),
              Invalid("STACK_GLOBAL: global 'builtins.eval'"));
  // Names that end up the same are still other names.
  EXPECT_THAT(ParseStatus(Protocol2("cm.f\n\n)R")), Invalid("'m.f.'"));
  EXPECT_THAT(ParseStatus(Protocol2("c\nm.f\n)R")), Invalid("'.m.f'"));
  EXPECT_THAT(ParseStatus(Protocol2("cm\nf\r\n")), Invalid("'m.f\\r'"));
  EXPECT_THAT(ParseStatus(Protocol2("cm\n\x1B[2J\n")), Invalid("\\x1b[2J"));
  EXPECT_THAT(ParseStatus(Protocol2("c" + std::string(600, 'a') + "\nf\n")),
              Invalid("a name of more than 512 bytes"));
  EXPECT_THAT(ParseStatus(Protocol2("cm")), Invalid("or without an end"));
  EXPECT_THAT(ParseStatus(Protocol2("K\x01" + Str("f") + "\x93")),
              Invalid("found an integer; expected a global's name"));
  EXPECT_THAT(
      ParseStatus(Protocol2(Str("m") + Str(std::string(600, 'f')) + "\x93")),
      Invalid("a global's name of 600 bytes"));
}

TEST(PickleMachineTest, RefusesToCallWhatIsNoFunction) {
  EXPECT_THAT(ParseStatus(Protocol2("K\x01)R")),
              Invalid("found an integer; expected a global to call"));
  EXPECT_THAT(ParseStatus(Protocol2("cm\nf\n)R)R")),
              Invalid("found the result of a call"));
  EXPECT_THAT(ParseStatus(Protocol2("cm\nf\nK\x01R")),
              Invalid("expected a tuple of arguments"));
  EXPECT_THAT(ParseStatus(Protocol2("ccollections\nOrderedDict\n]\x85R")),
              Invalid("an OrderedDict made of arguments"));
  EXPECT_THAT(ParseStatus(Protocol2("]}b")),
              Invalid("found a list; expected an object to give attributes"));
}

TEST(PickleMachineTest, RefusesStacksThatDoNotFit) {
  for (const char* opcodes :
       {"0", "2", "\x85", "N\x86", "NN\x87", "a", "Na", "s", "NNs", "R", "NR",
        "b", "Nb", "Q", "\x93", "\x94"}) {
    EXPECT_THAT(ParseStatus(Protocol2(opcodes)), Invalid("takes more values"))
        << opcodes;
    // Nothing below a mark may be taken, either.
    EXPECT_THAT(ParseStatus(Protocol2(std::string("NNN(") + opcodes)),
                Invalid("takes more values"))
        << opcodes;
  }
  for (const char* opcodes : {"t", "Ne", "Nu", "1"}) {
    EXPECT_THAT(ParseStatus(Protocol2(opcodes)), Invalid("has no mark"));
  }
  EXPECT_THAT(ParseStatus(Protocol2("}(Nu")), Invalid("a key without its"));
  EXPECT_THAT(ParseStatus(Protocol2("}Na")),
              Invalid("found a dict; expected a list"));
  EXPECT_THAT(ParseStatus(Protocol2("](NNu")),
              Invalid("found a list; expected a dict"));
  EXPECT_THAT(ParseStatus(Protocol2("")), Invalid("ends with 0 values"));
  EXPECT_THAT(ParseStatus(Protocol2("NN")), Invalid("ends with 2 values"));
  EXPECT_THAT(ParseStatus(Protocol2("N(")), Invalid("1 marks on the stack"));
}

TEST(PickleMachineTest, RefusesOpcodesThatWeightsDoNotHave) {
  for (const auto& [opcode, name] :
       std::vector<std::pair<std::string, std::string>>{
           {"I01\n", "opcode 73, INT, is none"},
           {"(ios\nsystem\n", "opcode 105, INST, is none"},
           {"(cm\nf\no", "opcode 111, OBJ, is none"},
           {"\x82\x01", "opcode 130, EXT1, is none"},
           {"P0\n", "opcode 80, PERSID, is none"},
           {"\x80\x02", "opcode 128, PROTO, is none"},
           {"\x97", "NEXT_BUFFER"},
           {"\x92", "NEWOBJ_EX"},
           {"\xFF", "opcode 255, is none"}}) {
    EXPECT_THAT(ParseStatus(Protocol2(opcode)), Invalid(name));
  }
}

TEST(PickleMachineTest, HoldsFramesToTheirLength) {
  const std::string frame = "\x80\x04\x95";
  EXPECT_EQ(ReprOf(frame + Le(3, 8) + "K\x01."), "1");
  // A frame may end before the pickle does.
  EXPECT_EQ(ReprOf(frame + Le(2, 8) + "K\x01."), "1");
  EXPECT_EQ(ReprOf(frame + Le(2, 8) +
                   "K\x01"
                   "0\x95" +
                   Le(3, 8) + "K\x02."),
            "2");
  EXPECT_THAT(ParseStatus(frame + Le(1, 8) + "K\x01."),
              DataLoss("needs 1 bytes at byte 12, but its frame ends at 12"));
  EXPECT_THAT(ParseStatus(frame + Le(4, 8) + "K\x01."),
              DataLoss("a frame of 4 bytes, but 3 are left"));
  EXPECT_THAT(ParseStatus(frame + Le(~0ull, 8) + "K\x01."),
              DataLoss("truncated: a frame of 18446744073709551615"));
  EXPECT_THAT(ParseStatus(frame + Le(12, 8) + "\x95" + Le(3, 8) + "K\x01."),
              Invalid("a frame inside a frame"));
}

TEST(PickleMachineTest, RefusesEveryTruncation) {
  const std::string bytes = Protocol2(Dict({{"a", "cm\nf\n)R"}, {"b", "N"}}));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(ParseStatus(bytes.substr(0, size)), Not(IsOk())) << size;
  }
}

TEST(PickleMachineTest, RefusesOtherProtocols) {
  for (const char* bytes : {"N.", "\x80\x01N.", "\x80\x06N.", "(dp0\n."}) {
    EXPECT_THAT(ParseStatus(bytes),
                Invalid("expected a pickle of protocol 2 to 5"));
  }
  EXPECT_THAT(ParseStatus(""), DataLoss("truncated"));
}

}  // namespace
}  // namespace ounce
