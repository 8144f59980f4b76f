// Any file: an error, or tensors whose bytes are there.  An input that starts
// as a pickle does is taken for the pickle alone, of a file that holds the
// storages of tests/formats/pytorch/testdata/protocol2.bin, so that its
// checksum does not stand in the way.
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/checked.h"
#include "formats/pytorch/pickle.h"
#include "formats/pytorch/pytorch_reader.h"
#include "formats/pytorch/state_dict.h"
#include "formats/pytorch/zip_archive.h"
#include "formats/safetensors/dtype.h"
#include "tests/formats/pytorch/zip_image.h"

namespace {

constexpr uint8_t kPickleMagic = 0x80;
// Small, so that a mutation is not a copy of megabytes.
constexpr int64_t kMaxGatheredBytes = 4096;

void Check(const absl::StatusOr<ounce::WeightFile>& found) {
  if (!found.ok()) return;
  uint64_t sum = 0;
  uint64_t total = 0;
  for (const ounce::StoredTensor& tensor : found->tensors) {
    const ounce::SafetensorsDtype* dtype =
        ounce::FindSafetensorsDtype(tensor.dtype);
    if (dtype == nullptr) std::abort();
    const absl::StatusOr<int64_t> bytes =
        ounce::SafetensorsBytes(*dtype, tensor.shape);
    if (!bytes.ok() || *bytes != static_cast<int64_t>(tensor.bytes.size())) {
      std::abort();
    }
    for (const uint8_t byte : tensor.bytes) sum += byte;
    total += tensor.bytes.size();
  }
  if (sum > 255 * total) std::abort();  // So that they are really read.
}

const std::string& Storages() {
  static const auto& bytes = *new std::string([] {
    constexpr size_t kSizes[] = {96, 8,  4,  0, 8, 8, 8, 8,
                                 32, 32, 16, 8, 4, 4, 4};
    ounce::ZipContents contents;
    for (const size_t size : kSizes) {
      contents.emplace_back(absl::StrCat("a/data/", contents.size()),
                            std::string(size, 'x'));
    }
    return ounce::MakeZip(contents).bytes;
  }());
  return bytes;
}

void CheckPickle(absl::Span<const uint8_t> bytes) {
  static const auto& archive = *new ounce::ZipArchive(
      *ounce::ZipArchive::Parse(ounce::AsBytes(Storages())));
  ounce::PickleOptions options;
  options.globals = ounce::StateDictGlobals();
  const absl::StatusOr<ounce::Pickle> pickle =
      ounce::Pickle::Parse(bytes, options);
  if (!pickle.ok()) return;
  Check(ounce::ReadStateDict(*pickle, {archive, "a/data/", kMaxGatheredBytes}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 0 && data[0] == kPickleMagic) {
    CheckPickle({data, size});
  } else {
    Check(ounce::ParsePytorch({data, size}));
  }
  return 0;
}
