#include "formats/artifact/artifact_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/checked.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "formats/artifact/layout.h"
#include "formats/artifact/metadata.h"

namespace ounce {
namespace {

// Hashed at a time: large enough to read at full speed, small enough that
// checking a model larger than memory does not evict everything else.
constexpr int64_t kChunkBytes = int64_t{16} << 20;

StoredTensor MakeStoredTensor(const TensorRecord& record,
                              absl::Span<const uint8_t> file) {
  StoredTensor tensor;
  tensor.name = record.name;
  tensor.shape = record.shape;
  const absl::string_view codec_name = GetCodecInfo(record.codec).name;
  tensor.dtype = std::string(codec_name);
  tensor.codec = record.codec;
  tensor.group_size = record.group_size;
  tensor.bytes = file.subspan(static_cast<size_t>(record.offset),
                              static_cast<size_t>(record.bytes));
  return tensor;
}

}  // namespace

bool ArtifactReader::Recognizes(absl::Span<const uint8_t> head) {
  return head.size() >= kArtifactMagic.size() &&
         std::equal(kArtifactMagic.begin(), kArtifactMagic.end(), head.begin());
}

absl::StatusOr<std::unique_ptr<ArtifactReader>> ArtifactReader::Open(
    const std::string& path) {
  OUNCE_ASSIGN_OR_RETURN(std::unique_ptr<MappedFile> file,
                         MappedFile::Open(path));
  file->PreferHugePages();
  OUNCE_ASSIGN_OR_RETURN(
      std::unique_ptr<ArtifactReader> reader,
      Annotate(Parse(file->bytes()), absl::StrCat("reading '", path, "'")));
  reader->file_ = std::move(file);
  for (TokenizerAsset::File& part : reader->tokenizer_.files) {
    part.bytes = {part.bytes.view(), reader->file_};
  }
  return reader;
}

absl::StatusOr<std::unique_ptr<ArtifactReader>> ArtifactReader::Parse(
    absl::Span<const uint8_t> bytes) {
  OUNCE_ASSIGN_OR_RETURN(const ArtifactHeader header, DecodeHeader(bytes));
  const absl::Span<const uint8_t> metadata_bytes =
      bytes.subspan(static_cast<size_t>(header.metadata_offset));
  if (Xxh3(metadata_bytes) != header.metadata_hash) {
    return absl::DataLossError(absl::StrCat(
        "metadata at offset ", header.metadata_offset, ": hash is ",
        Xxh3(metadata_bytes).Hex(), ", expected ", header.metadata_hash.Hex(),
        "; the file is damaged, get it again"));
  }
  OUNCE_ASSIGN_OR_RETURN(ArtifactMetadata metadata,
                         DecodeMetadata(metadata_bytes));
  OUNCE_RETURN_IF_ERROR(CheckSegments(metadata.records, header));

  std::unique_ptr<ArtifactReader> reader(new ArtifactReader());
  reader->bytes_ = bytes;
  reader->weights_offset_ = header.weights_offset;
  reader->metadata_offset_ = header.metadata_offset;
  reader->version_ = header.version;
  reader->id_ = header.metadata_hash;
  reader->spec_ = std::move(metadata.spec);
  reader->tokenizer_ = std::move(metadata.tokenizer);
  reader->provenance_ = std::move(metadata.provenance);
  reader->records_ = std::move(metadata.records);
  for (const TensorRecord& record : reader->records_) {
    reader->index_.emplace(record.name, reader->tensors_.size());
    reader->tensors_.push_back(MakeStoredTensor(record, bytes));
  }
  return reader;
}

absl::Status ArtifactReader::CheckSegmentHash(
    const TensorRecord& record, int64_t done,
    const ProgressCallback& progress) const {
  Xxh3Stream stream;
  const int64_t total = metadata_offset_ - weights_offset_;
  for (int64_t begin = 0; begin < record.bytes; begin += kChunkBytes) {
    const int64_t size = std::min(kChunkBytes, record.bytes - begin);
    const absl::Span<const uint8_t> chunk = bytes_.subspan(
        static_cast<size_t>(record.offset + begin), static_cast<size_t>(size));
    stream.Update(chunk);
    Release(chunk);
    ReportProgress(progress, done + begin + size, total);
  }
  const Hash128 hash = stream.Finish();
  if (hash == record.hash) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "tensor '", record.name, "' at offset ", record.offset, " with ",
      record.bytes, " bytes: hash is ", hash.Hex(), ", expected ",
      record.hash.Hex(), "; the file is damaged, get it again"));
}

absl::Status ArtifactReader::CheckZero(int64_t begin, int64_t end) const {
  for (int64_t i = begin; i < end; ++i) {
    const uint8_t byte = bytes_[static_cast<size_t>(i)];
    if (byte != 0) {
      return absl::DataLossError(
          absl::StrCat("padding at offset ", i, " is ", int{byte},
                       "; expected 0; the file is damaged, get it again"));
    }
  }
  return absl::OkStatus();
}

absl::Status ArtifactReader::CheckHashes(
    const ProgressCallback& progress) const {
  OUNCE_RETURN_IF_ERROR(CheckZero(kArtifactHeaderBytes, weights_offset_));
  int64_t end = weights_offset_;
  for (const TensorRecord& record : records_) {
    OUNCE_RETURN_IF_ERROR(CheckZero(end, record.offset));
    OUNCE_RETURN_IF_ERROR(
        CheckSegmentHash(record, record.offset - weights_offset_, progress));
    end = record.offset + record.bytes;
  }
  OUNCE_RETURN_IF_ERROR(CheckZero(end, metadata_offset_));
  const int64_t total = metadata_offset_ - weights_offset_;
  ReportProgress(progress, total, total);
  return absl::OkStatus();
}

const StoredTensor* ArtifactReader::Find(absl::string_view name) const {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : &tensors_[it->second];
}

void ArtifactReader::Release(absl::Span<const uint8_t> part) const {
  if (file_ != nullptr) file_->Release(part);
}

}  // namespace ounce
