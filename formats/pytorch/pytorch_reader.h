// Reads what torch.save() writes since PyTorch 1.6: a zip archive of a pickle
// that describes tensors, and of their storages.  The pickle is read as data,
// never run.
// Source: https://docs.pytorch.org/docs/stable/notes/serialization.html,
// "Serialized file format for torch.save"; torch/_utils.py of PyTorch for what
// the pickle calls.
#ifndef OUNCE_FORMATS_PYTORCH_PYTORCH_READER_H_
#define OUNCE_FORMATS_PYTORCH_PYTORCH_READER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "formats/mapped_source.h"

namespace ounce {

// The tensors of a whole file in memory, in the order of its state dict, their
// types called as safetensors calls them.  The state dict is the pickled dict,
// or the one it has as "state_dict" or "model"; entries that are not tensors
// are left out.
//
// A tensor whose elements follow each other points into `file`, shared storages
// or not.  Others (a transpose, an expanded dimension) are copied to memory,
// for all of them together at most twice the file and 16 MiB.
//
// kUnimplemented: an older format of torch.save(), TorchScript, big endian, a
// compressed archive.  kInvalidArgument: no such file at all, a pickle that
// names anything but tensors and what they are made of, no tensors, a view that
// is none.  kDataLoss: truncated or damaged, a tensor outside its storage.
// Each with the tensor, or the entry or byte.  Errors also as ZipArchive and
// Pickle.
absl::StatusOr<WeightFile> ParsePytorch(absl::Span<const uint8_t> file);

}  // namespace ounce

#endif  // OUNCE_FORMATS_PYTORCH_PYTORCH_READER_H_
