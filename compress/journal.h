// What a run that compresses block by block leaves beside its unfinished
// artifact, so that another process can go on: `model.oz.journal`, a line of
// JSON and its hash, replaced as a whole after every block.
#ifndef OUNCE_COMPRESS_JOURNAL_H_
#define OUNCE_COMPRESS_JOURNAL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compress/compress_report.h"
#include "formats/artifact/artifact.h"

namespace ounce {

struct Journal {
  // SHA-256 of all that decides about the result: sources, recipe, version,
  // calibration, instruction set.
  std::string fingerprint;
  int64_t layers = 0;                 // That are done.
  std::vector<TensorRecord> records;  // Of the tensors written.
  CompressReport report;              // Up to here: its lines and warnings.
  // Of a calibration text that the model wrote itself: its windows.
  std::vector<std::vector<int32_t>> windows;
};

// `path` is the artifact's.
std::string JournalPath(const std::string& path);

// Replaces the journal, atomically.
absl::Status WriteJournal(const std::string& path, const Journal& journal);
// kNotFound: there is none; kDataLoss: it is not what WriteJournal() wrote.
absl::StatusOr<Journal> ReadJournal(const std::string& path);
// Nothing, if there is none.
void RemoveJournal(const std::string& path);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_JOURNAL_H_
