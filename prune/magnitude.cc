#include "prune/magnitude.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace ounce {
namespace {

constexpr size_t kBins = size_t{1} << 16;

uint32_t MagnitudeBits(float weight) {
  return std::bit_cast<uint32_t>(weight) & 0x7FFFFFFFu;
}

// The bin in which the `rank`-th smallest (from 1) lies; `rank` becomes its
// rank within the bin.
uint32_t FindBin(const std::vector<int64_t>& histogram, int64_t* rank) {
  uint32_t bin = 0;
  while (*rank > histogram[bin]) *rank -= histogram[bin++];
  return bin;
}

}  // namespace

MagnitudePruner::MagnitudePruner(double sparsity)
    : sparsity_(sparsity), histogram_(kBins) {}

void MagnitudePruner::Scan(int round, MatrixView<const float> panel) {
  if (round == 0) {
    CountUpper(panel);
  } else {
    CountLower(panel);
  }
}

void MagnitudePruner::CountUpper(MatrixView<const float> panel) {
  size_ += panel.rows * panel.cols;
  for (int64_t row = 0; row < panel.rows; ++row) {
    for (int64_t column = 0; column < panel.cols; ++column) {
      ++histogram_[MagnitudeBits(panel.at(row, column)) >> 16];
    }
  }
}

void MagnitudePruner::CountLower(MatrixView<const float> panel) {
  for (int64_t row = 0; row < panel.rows; ++row) {
    for (int64_t column = 0; column < panel.cols; ++column) {
      const uint32_t bits = MagnitudeBits(panel.at(row, column));
      if (bits >> 16 == upper_) ++histogram_[bits & 0xFFFFu];
    }
  }
}

void MagnitudePruner::EndRound(int round) {
  if (round == 0) {
    to_prune_ = std::llround(sparsity_ * static_cast<double>(size_));
    if (to_prune_ > 0) upper_ = FindBin(histogram_, &to_prune_);
    std::fill(histogram_.begin(), histogram_.end(), 0);
    return;
  }
  if (to_prune_ == 0) return;
  bits_ = (upper_ << 16) | FindBin(histogram_, &to_prune_);
  ties_ = to_prune_;
}

void MagnitudePruner::Apply(MatrixView<float> panel) {
  for (int64_t row = 0; row < panel.rows; ++row) {
    for (int64_t column = 0; column < panel.cols; ++column) {
      float& weight = panel.at(row, column);
      const uint32_t bits = MagnitudeBits(weight);
      if (bits > bits_) continue;
      if (bits < bits_) {
        weight = 0.0f;
      } else if (ties_ > 0) {
        weight = 0.0f;
        --ties_;
      }
    }
  }
}

float MagnitudePruner::threshold() const { return std::bit_cast<float>(bits_); }

}  // namespace ounce
