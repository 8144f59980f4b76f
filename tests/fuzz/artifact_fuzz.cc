// An input that starts with the magic bytes is a file: as it is, and with the
// hashes made right, so that what lies behind them is reached.  Any other is
// metadata alone.
#include <cstdlib>

#include "formats/artifact/artifact_reader.h"
#include "formats/artifact/metadata.h"
#include "tests/formats/artifact_image.h"

namespace {

void CheckFile(absl::Span<const uint8_t> file) {
  const ounce::AlignedBytes bytes(file);
  const auto reader = ounce::ArtifactReader::Parse(bytes.bytes());
  if (!reader.ok()) return;
  if (ounce::TouchAllBytes(**reader) > 255 * file.size()) std::abort();
  (*reader)->CheckHashes({}).IgnoreError();
}

void CheckMetadata(absl::Span<const uint8_t> input) {
  const ounce::AlignedBytes bytes(input);
  const auto metadata = ounce::DecodeMetadata(bytes.bytes());
  if (!metadata.ok()) return;
  // What can be read can be written and read again.
  const auto encoded = ounce::EncodeMetadata(*metadata);
  if (!encoded.ok()) std::abort();
  const ounce::AlignedBytes again(*encoded);
  if (!ounce::DecodeMetadata(again.bytes()).ok()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::Span<const uint8_t> input(data, size);
  if (!ounce::ArtifactReader::Recognizes(input)) {
    CheckMetadata(input);
    return 0;
  }
  CheckFile(input);
  ounce::ArtifactImage image(input);
  image.Seal();
  CheckFile(image.bytes());
  return 0;
}
