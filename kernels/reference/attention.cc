#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/reference/reference.h"

namespace ounce::reference {
namespace {

bool IsVisible(const AttentionRow& row, int64_t key) {
  return row.key_mask == nullptr || row.key_mask[key] != 0;
}

float Score(const AttentionRow& row, int64_t key) {
  const float* values = row.keys + key * row.kv_stride;
  double dot = 0.0;
  for (int64_t i = 0; i < row.head_dim; ++i) {
    dot += double{row.query[i]} * double{values[i]};
  }
  return static_cast<float>(dot * double{row.scale});
}

}  // namespace

void AttendRow(const AttentionRow& row) {
  float max_score = -std::numeric_limits<float>::infinity();
  for (int64_t key = 0; key < row.num_keys; ++key) {
    if (!IsVisible(row, key)) continue;
    row.scores[key] = Score(row, key);
    max_score = std::max(max_score, row.scores[key]);
  }
  double sum = 0.0;
  for (int64_t key = 0; key < row.num_keys; ++key) {
    row.scores[key] =
        IsVisible(row, key) ? std::exp(row.scores[key] - max_score) : 0.0f;
    sum += double{row.scores[key]};
  }
  for (int64_t i = 0; i < row.head_dim; ++i) {
    double value = 0.0;
    for (int64_t key = 0; key < row.num_keys; ++key) {
      if (!IsVisible(row, key)) continue;
      value +=
          double{row.scores[key]} * double{row.values[key * row.kv_stride + i]};
    }
    row.out[i] = sum > 0.0 ? static_cast<float>(value / sum) : 0.0f;
  }
}

}  // namespace ounce::reference
