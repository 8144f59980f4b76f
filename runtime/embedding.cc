#include "runtime/embedding.h"

#include <cmath>

#include "core/packing/codec.h"
#include "kernels/linear.h"
#include "kernels/pointwise.h"
#include "runtime/feed_forward.h"

namespace ounce {
namespace {

void Unpack(const PackedMatrix& matrix, int64_t row, float* out) {
  GetCodecInfo(matrix.codec).unpack_rows(matrix, row, row + 1, out);
}

}  // namespace

void FillSinusoid(int64_t position, int64_t width, float* out) {
  const int64_t sines = (width + 1) / 2;
  for (int64_t i = 0; i < sines; ++i) {
    const double angle = static_cast<double>(position) /
                         std::pow(10000.0, 2.0 * static_cast<double>(i) /
                                               static_cast<double>(width));
    out[i] = static_cast<float>(std::sin(angle));
    if (sines + i < width) out[sines + i] = static_cast<float>(std::cos(angle));
  }
}

void Embedding::Embed(const Pieces& pieces, Matrix* out) {
  out->Resize(CountTokens(pieces), spec().width);
  if (weights_.project_in.weight.bytes == 0) {
    LookUp(pieces, out);
    Complete(pieces, out);
    return;
  }
  narrow_.Resize(out->rows(), spec().token_width());
  LookUp(pieces, &narrow_);
  if (spec().embedding_projected_last) {
    Complete(pieces, &narrow_);
    Project(narrow_.view(), out);
  } else {
    Project(narrow_.view(), out);
    Complete(pieces, out);
  }
}

void Embedding::LookUp(const Pieces& pieces, Matrix* out) const {
  int64_t row = 0;
  for (const Piece& piece : pieces) {
    for (const int32_t id : piece.ids) {
      Unpack(weights_.embedding, id, out->row(row++));
    }
  }
}

void Embedding::Project(MatrixView<const float> x, Matrix* out) {
  const LinearWeights& projection = weights_.project_in;
  Linear(context_, ProductInput(context_, x, {&projection.weight}, &quantizer_),
         {projection.Into(out->view())});
}

void Embedding::Complete(const Pieces& pieces, Matrix* x) {
  if (spec().embedding_scale != 1.0) {
    Scale(context_, static_cast<float>(spec().embedding_scale), x->view());
  }
  if (spec().position == PositionKind::kLearned ||
      spec().position == PositionKind::kSinusoidal) {
    AddPositions(pieces, x);
  }
  if (spec().token_types > 0) AddTokenTypes(pieces, x);
  if (!spec().embedding_norm) return;
  Normalize(context_, NormOf(spec(), weights_.embedding_norm), x->view(),
            x->view());
}

void Embedding::AddPositions(const Pieces& pieces, Matrix* x) {
  added_.Resize(x->rows(), x->cols());
  int64_t row = 0;
  for (const Piece& piece : pieces) {
    int64_t position = piece.cache->size();
    for (const int32_t id : piece.ids) {
      float* out = added_.row(row++);
      if (spec().position == PositionKind::kSinusoidal) {
        FillSinusoid(position++, x->cols(), out);
      } else if (id == spec().unplaced_id) {
        Unpack(weights_.positions, id, out);
      } else {
        Unpack(weights_.positions, spec().position_offset + position++, out);
      }
    }
  }
  Add(context_, added_.view(), x->view());
}

void Embedding::AddTokenTypes(const Pieces& pieces, Matrix* x) {
  added_.Resize(x->rows(), x->cols());
  int64_t row = 0;
  for (const Piece& piece : pieces) {
    for (int64_t t = 0; t < piece.size(); ++t) {
      const int64_t type =
          piece.token_types == nullptr ? 0 : piece.token_types[t];
      Unpack(weights_.token_types, type, added_.row(row++));
    }
  }
  Add(context_, added_.view(), x->view());
}

}  // namespace ounce
