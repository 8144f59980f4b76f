// Where the channels between two steps of a model can be scaled without
// changing what it computes: what makes a channel is divided by its scale, and
// every matrix that reads the channel has its column multiplied by it.  A
// quantiser that finds some channels too large, or too important, is free to
// choose these scales.
//
// Folds of a layer, where the spec has them:
//   a norm      -> the matrices that see its output, routers and the gates of
//                  shared experts among them
//   v_proj      -> o_proj, in cross-attention as well: attention sums values,
//                  each with one weight for all of its channels
//   up_proj     -> down_proj: a gate multiplies what `up` gives, ReLU takes a
//                  positive factor through, and its square takes the factor's
// There is none where the output of a norm goes on into the residual as well,
// through another activation without a gate, or where no norm precedes.
// Source: Xiao et al., SmoothQuant, arXiv:2211.10438, section 4; Lin et al.,
// AWQ, arXiv:2306.00978, section 3.2.
#ifndef OUNCE_MODEL_SCALE_FOLD_H_
#define OUNCE_MODEL_SCALE_FOLD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/tensor.h"
#include "model/spec.h"
#include "model/tensor_table.h"

namespace ounce {

enum class ScaleFoldKind {
  kNorm,    // A norm's weight and bias, vectors: DivideVector().
  kValue,   // The rows and the bias of a matrix of values: DivideRows() and
            // DivideVector().
  kHidden,  // The same of the matrix that makes a feed-forward's units.
};

// A tensor that makes the channels: a vector [channels], or a matrix of
// `channels` rows.
struct ScaleProducer {
  std::string tensor;   // Canonical name.
  TensorRole role;      // kVector or kMatrix.
  double offset = 0.0;  // Added to what is stored: that sum is divided.
};

// A matrix of ScaleFold::columns() columns that reads the channels.
struct ScaleConsumer {
  std::string tensor;
  TensorRole role;  // kRouter is never quantised, and is multiplied all the
                    // same.
};

struct ScaleFold {
  ScaleFoldKind kind;
  std::string name;  // Of the first producer, without ".weight".
  int64_t channels = 0;
  std::vector<ScaleProducer> producers;  // One or two.
  std::vector<ScaleConsumer> consumers;  // At least one.
  // Producers are divided by the roots of the scales: an activation squares
  // what they give.
  bool squared = false;
  // Channels come in blocks of `block`, and each block of them is read by
  // `repeats` blocks of columns that follow each other: heads that share their
  // values.  Otherwise column c reads channel c.
  int64_t block = 0;
  int64_t repeats = 1;

  int64_t columns() const { return channels * repeats; }
  int64_t ChannelOf(int64_t column) const {
    return column / (block * repeats) * block + column % block;
  }
};

// Of a stored layer of the main stack, 0 to stored_layers() - 1, in the order
// of computation.  `spec` must pass CheckSpec().
std::vector<ScaleFold> ScaleFoldsOf(const ModelSpec& spec, int64_t layer);

// The norm before a language model's head, if the head's first matrix is not
// the embedding too, and the hidden states are nothing but that matrix's input.
std::optional<ScaleFold> HeadScaleFoldOf(const ModelSpec& spec);

// All of a model: of the encoder beside a decoder, of the layers, of the head.
std::vector<ScaleFold> AllScaleFolds(const ModelSpec& spec);

// The functions below take scales [channels], positive and finite, or what they
// become for rows or columns, and change f32 values in place.

// What rows and vectors are divided by: the scales, or their roots.
std::vector<float> ProducerScales(const ScaleFold& fold,
                                  absl::Span<const float> scales);
// What columns are multiplied by, [columns()].
std::vector<float> ConsumerScales(const ScaleFold& fold,
                                  absl::Span<const float> scales);

// value[c] = (value[c] + offset) / scales[c] - offset.
void DivideVector(absl::Span<const float> scales, double offset,
                  absl::Span<float> values);
// Row r, [scales.size(), any], is divided by scales[r].
void DivideRows(absl::Span<const float> scales, MatrixView<float> rows);
// Column c of any number of rows, [any, scales.size()], is multiplied by
// scales[c].
void MultiplyColumns(absl::Span<const float> scales, MatrixView<float> rows);

}  // namespace ounce

#endif  // OUNCE_MODEL_SCALE_FOLD_H_
