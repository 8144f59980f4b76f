#include "formats/pytorch/state_dict.h"

#include <cstring>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/formats/pytorch/pickle_ops.h"
#include "tests/formats/pytorch/zip_image.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Storage '0': the bytes 0, 1 ... 23.
std::string Counting() {
  std::string bytes(24, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i);
  return bytes;
}

// A state dict over storage '0'.  The tensors point into it.
class StateDictTest : public testing::Test {
 protected:
  absl::StatusOr<WeightFile> Read(const std::string& opcodes) {
    pickle_bytes_ = Protocol2(opcodes);
    zip_ = MakeZip({{"a/data/0", Counting()}, {"a/data/7", "ab"}});
    OUNCE_ASSIGN_OR_RETURN(archive_, ZipArchive::Parse(AsBytes(zip_.bytes)));
    PickleOptions options;
    options.globals = StateDictGlobals();
    OUNCE_ASSIGN_OR_RETURN(const Pickle pickle,
                           Pickle::Parse(AsBytes(pickle_bytes_), options));
    return ReadStateDict(pickle, {archive_, "a/data/", max_gathered_});
  }
  // The one tensor of {'x': `value`}.
  absl::StatusOr<WeightFile> ReadX(const std::string& value) {
    return Read(Dict({{"x", value}}));
  }
  absl::Status StatusOfX(const std::string& value) {
    return ReadX(value).status();
  }

  std::string pickle_bytes_;
  ZipImage zip_;
  ZipArchive archive_;
  int64_t max_gathered_ = 1000;
};

// 24 elements of one byte, as 4 x 6.
TensorOps Matrix() {
  return {.type = "ByteStorage",
          .elements = 24,
          .shape = {4, 6},
          .strides = {6, 1}};
}

testing::Matcher<absl::Status> DataLoss(const std::string& words) {
  return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(words));
}
testing::Matcher<absl::Status> Invalid(const std::string& words) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words));
}

TEST_F(StateDictTest, MapsAContiguousTensorInPlace) {
  TensorOps ops = Matrix();
  ops.offset = 12;
  ops.shape = {2, 6};
  ASSERT_OK_AND_ASSIGN(const WeightFile found, ReadX(ops.Rebuild()));
  ASSERT_EQ(found.tensors.size(), 1u);
  const StoredTensor& tensor = found.tensors[0];
  EXPECT_EQ(tensor.name, "x");
  EXPECT_EQ(tensor.dtype, "U8");
  EXPECT_THAT(tensor.shape, ElementsAre(2, 6));
  EXPECT_EQ(tensor.bytes.data(),
            AsBytes(zip_.bytes).data() + zip_.data[0] + 12);
  EXPECT_EQ(tensor.bytes.size(), 12u);
  EXPECT_TRUE(found.gathered.empty());
}

TEST_F(StateDictTest, GathersATranspose) {
  TensorOps ops = Matrix();
  ops.shape = {6, 2};
  ops.strides = {1, 6};
  ASSERT_OK_AND_ASSIGN(const WeightFile found, ReadX(ops.Rebuild()));
  ASSERT_EQ(found.gathered.size(), 1u);
  EXPECT_EQ(found.tensors[0].bytes.data(), found.gathered[0].data());
  EXPECT_THAT(found.tensors[0].bytes,
              ElementsAre(0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11));
}

TEST_F(StateDictTest, CallsTypesAsSafetensorsDoes) {
  struct Type {
    const char* storage;
    const char* dtype;
    int64_t bytes;
    std::optional<Codec> codec;
  };
  for (const Type& type :
       std::vector<Type>{{"FloatStorage", "F32", 4, Codec::kF32},
                         {"HalfStorage", "F16", 2, Codec::kF16},
                         {"BFloat16Storage", "BF16", 2, Codec::kBF16},
                         {"DoubleStorage", "F64", 8, std::nullopt},
                         {"LongStorage", "I64", 8, std::nullopt},
                         {"IntStorage", "I32", 4, std::nullopt},
                         {"ShortStorage", "I16", 2, std::nullopt},
                         {"CharStorage", "I8", 1, std::nullopt},
                         {"ByteStorage", "U8", 1, std::nullopt},
                         {"BoolStorage", "BOOL", 1, std::nullopt},
                         {"ComplexFloatStorage", "C64", 8, std::nullopt}}) {
    const int64_t count = 24 / type.bytes;
    const TensorOps ops = {.type = type.storage,
                           .elements = count,
                           .shape = {count},
                           .strides = {1}};
    ASSERT_OK_AND_ASSIGN(const WeightFile found, ReadX(ops.Rebuild()));
    EXPECT_EQ(found.tensors[0].dtype, type.dtype);
    EXPECT_EQ(found.tensors[0].codec, type.codec) << type.dtype;
    EXPECT_EQ(found.tensors[0].bytes.size(), 24u);
  }
}

// PyTorch 2 describes types without a storage class of their own thus.
TEST_F(StateDictTest, ReadsUntypedStorages) {
  const std::string storage =
      Tuple({Str("storage"), GlobalOp("torch.storage", "UntypedStorage"),
             Str("0"), Str("cpu"), Int(24)}) +
      "Q";
  const auto rebuild = [&](const std::string& dtype, int64_t count) {
    return Call(GlobalOp("torch._utils", "_rebuild_tensor_v3"),
                {storage, Int(0), Ints({count}), Ints({1}), "\x89",
                 GlobalOp("collections", "OrderedDict") + ")R", dtype});
  };
  ASSERT_OK_AND_ASSIGN(WeightFile found,
                       ReadX(rebuild(GlobalOp("torch", "float8_e4m3fn"), 24)));
  EXPECT_EQ(found.tensors[0].dtype, "F8_E4M3");
  ASSERT_OK_AND_ASSIGN(found, ReadX(rebuild(GlobalOp("torch", "uint16"), 12)));
  EXPECT_EQ(found.tensors[0].dtype, "U16");
  EXPECT_THAT(StatusOfX(rebuild(GlobalOp("torch", "uint16"), 13)),
              DataLoss("beyond its storage of 12 elements"));
  EXPECT_THAT(StatusOfX(rebuild("N", 12)), Invalid("has no type of elements"));
  EXPECT_THAT(StatusOfX(Call(GlobalOp("torch._utils", "_rebuild_tensor_v2"),
                             {storage, Int(0), Ints({1}), Ints({1})})),
              Invalid("has no type of elements"));
}

TEST_F(StateDictTest, UnwrapsParametersAndSubclasses) {
  const std::string hooks = GlobalOp("collections", "OrderedDict") + ")R";
  const std::string parameter =
      Call(GlobalOp("torch._utils", "_rebuild_parameter"),
           {Matrix().Rebuild(), "\x88", hooks});
  const std::string with_state =
      Call(GlobalOp("torch._utils", "_rebuild_parameter_with_state"),
           {Matrix().Rebuild(), "\x88", hooks, Dict({{"tag", "N"}})});
  const std::string subclass =
      Call(GlobalOp("torch._tensor", "_rebuild_from_type_v2"),
           {GlobalOp("torch._utils", "_rebuild_tensor_v2"),
            GlobalOp("torch.nn.parameter", "Parameter"),
            Tuple(Matrix().Arguments()), Dict({{"tag", "N"}})});
  for (const std::string& value : {parameter, with_state, subclass}) {
    ASSERT_OK_AND_ASSIGN(const WeightFile found, ReadX(value));
    ASSERT_EQ(found.tensors.size(), 1u);
    EXPECT_THAT(found.tensors[0].shape, ElementsAre(4, 6));
  }
}

TEST_F(StateDictTest, RefusesWrappingsWithoutATensor) {
  const std::string wrap = GlobalOp("torch._utils", "_rebuild_parameter");
  EXPECT_THAT(StatusOfX(Call(wrap, {})), Invalid("tensor 'x': torch._utils._"));
  EXPECT_THAT(StatusOfX(Call(wrap, {"N", "\x88", "N"})),
              Invalid("_rebuild_parameter() has no tensor"));
  EXPECT_THAT(StatusOfX(Call(GlobalOp("torch._tensor", "_rebuild_from_type_v2"),
                             {"N", "N", "N", "N"})),
              Invalid("has other arguments than we know"));
  std::string deep = Matrix().Rebuild();
  for (int i = 0; i < 6; ++i) deep = Call(wrap, {deep, "\x88", "N"});
  EXPECT_THAT(StatusOfX(deep), Invalid("more than 4 calls around"));
}

TEST_F(StateDictTest, LeavesOutWhatIsNoTensor) {
  ASSERT_OK_AND_ASSIGN(
      const WeightFile found,
      Read(Dict({{"step", Int(3)},
                 {"x", Matrix().Rebuild()},
                 {"size", Call(GlobalOp("torch", "Size"), {Ints({1, 2})})},
                 {"nested", Dict({{"y", Matrix().Rebuild()}})},
                 {"dtype", GlobalOp("torch", "float32")}})));
  ASSERT_EQ(found.tensors.size(), 1u);
  EXPECT_EQ(found.tensors[0].name, "x");
}

TEST_F(StateDictTest, TakesTheWeightsOutOfATrainingCheckpoint) {
  for (const char* wrapper : {"state_dict", "model"}) {
    ASSERT_OK_AND_ASSIGN(
        const WeightFile found,
        Read(Dict({{"loss", Matrix().Rebuild()},
                   {wrapper, Dict({{"y", Matrix().Rebuild()}})}})));
    ASSERT_EQ(found.tensors.size(), 1u);
    EXPECT_EQ(found.tensors[0].name, "y");
  }
}

TEST_F(StateDictTest, SharesAStorageAmongTensors) {
  TensorOps row = Matrix();
  row.shape = {6};
  row.strides = {1};
  row.offset = 6;
  ASSERT_OK_AND_ASSIGN(
      const WeightFile found,
      Read(Dict({{"x", Matrix().Rebuild()}, {"y", row.Rebuild()}})));
  EXPECT_EQ(found.tensors[1].bytes.data(), found.tensors[0].bytes.data() + 6);
}

TEST_F(StateDictTest, RefusesWhatIsNoStateDict) {
  EXPECT_THAT(Read("]").status(),
              Invalid("what was saved is a list; expected a dict of tensors"));
  EXPECT_THAT(Read(Matrix().Rebuild()).status(),
              Invalid("what was saved is the result of a call"));
  EXPECT_THAT(Read("}").status(), Invalid("no tensors in the dict"));
  EXPECT_THAT(Read(Dict({{"a", "N"}, {"model", "}"}})).status(),
              Invalid("no tensors in the dict"));
}

TEST_F(StateDictTest, RefusesANameTwice) {
  EXPECT_THAT(Read(Dict({{"x", Matrix().Rebuild()}, {"x", Matrix().Rebuild()}}))
                  .status(),
              DataLoss("tensor 'x' is there twice"));
}

TEST_F(StateDictTest, KeepsErrorsToOneShortLine) {
  TensorOps ops = Matrix();
  ops.key = "\n" + std::string(100'000, 'k');
  const std::string name = "\x1B[2J" + std::string(100'000, 'n');
  const absl::Status status = Read(Dict({{name, ops.Rebuild()}})).status();
  EXPECT_THAT(status, DataLoss("tensor '\\033[2Jnnn"));
  EXPECT_EQ(status.message().find('\n'), absl::string_view::npos);
  EXPECT_LT(status.message().size(), 600u);
}

TEST_F(StateDictTest, RefusesStoragesThatLie) {
  TensorOps ops = Matrix();
  ops.key = "1";
  EXPECT_THAT(StatusOfX(ops.Rebuild()),
              DataLoss("tensor 'x': its storage 'a/data/1' is not in the"));
  ops.key = "../data/0";
  EXPECT_THAT(StatusOfX(ops.Rebuild()), DataLoss("is not in the archive"));
  ops.key = "7";
  EXPECT_THAT(StatusOfX(ops.Rebuild()),
              DataLoss("its storage of 24 elements of 1 bytes is 'a/data/7', "
                       "which has 2 bytes"));
  ops = Matrix();
  ops.type = "FloatStorage";
  EXPECT_THAT(StatusOfX(ops.Rebuild()), DataLoss("24 elements of 4 bytes"));
  ops.elements = (int64_t{1} << 62) + 6;  // Times 4 wraps around to 24.
  EXPECT_THAT(StatusOfX(ops.Rebuild()), DataLoss("of 4 bytes is 'a/data/0'"));
  ops.elements = -6;
  EXPECT_THAT(StatusOfX(ops.Rebuild()),
              Invalid("its storage's size is -6; expected an integer of at"));
}

TEST_F(StateDictTest, RefusesPersistentIdsThatAreNone) {
  const auto rebuild = [](const std::string& storage) {
    return Call(GlobalOp("torch._utils", "_rebuild_tensor_v2"),
                {storage, Int(0), Ints({1}), Ints({1})});
  };
  const std::string type = GlobalOp("torch", "ByteStorage");
  EXPECT_THAT(StatusOfX(rebuild("N")), Invalid("its storage is None"));
  for (const std::string& id :
       {std::string("N"), Ints({1, 2, 3, 4, 5}),
        Tuple({Str("module"), type, Str("0"), Str("cpu"), Int(24)}),
        Tuple({Str("storage"), Str("t"), Str("0"), Str("cpu"), Int(24)}),
        Tuple({Str("storage"), type, Int(0), Str("cpu"), Int(24)}),
        Tuple({Str("storage"), type, Str("0"), Int(0), Int(24)}),
        Tuple({Str("storage"), type, Str("0"), Str("cpu")})}) {
    EXPECT_THAT(StatusOfX(rebuild(id + "Q")),
                Invalid("its storage is not (\"storage\", type, key"));
  }
  EXPECT_THAT(
      StatusOfX(rebuild(Tuple({Str("storage"), GlobalOp("torch", "float32"),
                               Str("0"), Str("cpu"), Int(24)}) +
                        "Q")),
      Invalid("type torch.float32, which is none"));
  EXPECT_THAT(
      StatusOfX(rebuild(
          Tuple({Str("storage"), type, Str("0"), Str("cpu"), "N"}) + "Q")),
      Invalid("its storage's size is None"));
}

TEST_F(StateDictTest, RefusesViewsThatLeaveTheirStorage) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  struct View {
    int64_t offset;
    std::vector<int64_t> shape;
    std::vector<int64_t> strides;
  };
  for (const View& view : std::vector<View>{{1, {4, 6}, {6, 1}},
                                            {0, {5, 6}, {6, 1}},
                                            {0, {4, 6}, {7, 1}},
                                            {kMax, {1}, {1}},
                                            {1, {2}, {kMax}},
                                            {0, {kMax}, {1}}}) {
    TensorOps ops = Matrix();
    ops.offset = view.offset;
    ops.shape = view.shape;
    ops.strides = view.strides;
    EXPECT_THAT(StatusOfX(ops.Rebuild()), DataLoss("beyond its storage of 24"));
  }
  TensorOps ops = Matrix();
  ops.offset = -1;
  EXPECT_THAT(StatusOfX(ops.Rebuild()), Invalid("offset is -1"));
  ops = Matrix();
  ops.shape = {-4, 6};
  EXPECT_THAT(StatusOfX(ops.Rebuild()), Invalid("shape is -4"));
  ops = Matrix();
  ops.strides = {6, -1};
  EXPECT_THAT(StatusOfX(ops.Rebuild()), Invalid("strides is -1"));
  ops.strides = {6};
  EXPECT_THAT(StatusOfX(ops.Rebuild()), Invalid("a stride for each"));
}

TEST_F(StateDictTest, BoundsWhatIsGathered) {
  TensorOps ops = Matrix();
  ops.shape = {10, 24};
  ops.strides = {0, 1};
  max_gathered_ = 240;
  EXPECT_OK(StatusOfX(ops.Rebuild()));
  max_gathered_ = 239;
  EXPECT_THAT(StatusOfX(ops.Rebuild()),
              Invalid("exceed the 239 bytes that this file may take; call "
                      ".contiguous() on it"));
  // All of them together.
  max_gathered_ = 479;
  EXPECT_THAT(
      Read(Dict({{"x", ops.Rebuild()}, {"y", ops.Rebuild()}})).status(),
      Invalid("tensor 'y': its elements do not lie one after the other"));
  ops.shape = {std::numeric_limits<int64_t>::max()};
  ops.strides = {0};
  EXPECT_THAT(StatusOfX(ops.Rebuild()), Invalid("tensor 'x': its elements do"));
}

TEST_F(StateDictTest, RefusesArgumentsOfOtherKinds) {
  const std::string rebuild = GlobalOp("torch._utils", "_rebuild_tensor_v2");
  const std::string storage = Matrix().Storage();
  EXPECT_THAT(StatusOfX(Call(rebuild, {storage, Int(0), Ints({1})})),
              Invalid("has 3 arguments; expected storage, offset, shape"));
  EXPECT_THAT(StatusOfX(Call(rebuild, {storage, "N", Ints({}), Ints({})})),
              Invalid("offset is None; expected an integer"));
  EXPECT_THAT(StatusOfX(Call(rebuild, {storage, Int(0), "N", Ints({})})),
              Invalid("shape is None; expected a tuple of integers"));
  EXPECT_THAT(
      StatusOfX(Call(rebuild, {storage, Int(0), Tuple({"\x88"}), Ints({})})),
      Invalid("shape is a bool; expected an integer"));
  EXPECT_THAT(StatusOfX(Call(rebuild, {storage, Int(0), Ints({}), Ints({}), "N",
                                       "N", "}", "N"})),
              Invalid("has 8 arguments"));
}

TEST_F(StateDictTest, RefusesNegatedViews) {
  std::vector<std::string> arguments = Matrix().Arguments();
  const std::string rebuild = GlobalOp("torch._utils", "_rebuild_tensor_v2");
  arguments.push_back(Dict({{"neg", "\x89"}}));
  EXPECT_OK(StatusOfX(Call(rebuild, arguments)));
  arguments.back() = Dict({{"neg", "\x88"}});
  EXPECT_THAT(StatusOfX(Call(rebuild, arguments)),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("a negated or conjugated view")));
}

TEST_F(StateDictTest, TakesATorchSizeForAShape) {
  std::vector<std::string> arguments = Matrix().Arguments();
  arguments[2] = Call(GlobalOp("torch", "Size"), {Ints({4, 6})});
  ASSERT_OK_AND_ASSIGN(
      const WeightFile found,
      ReadX(Call(GlobalOp("torch._utils", "_rebuild_tensor_v2"), arguments)));
  EXPECT_THAT(found.tensors[0].shape, ElementsAre(4, 6));
}

}  // namespace
}  // namespace ounce
