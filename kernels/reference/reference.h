// Every operation in plain C++: the definition that the other instruction sets
// are tested against.  Clarity before speed.
#ifndef OUNCE_KERNELS_REFERENCE_REFERENCE_H_
#define OUNCE_KERNELS_REFERENCE_REFERENCE_H_

#include <cstdint>

#include "kernels/kernel_table.h"

namespace ounce::reference {

// The contracts are KernelTable's.
void MatMulFloat(const MatMulInput& x, const PackedMatrix& w, int64_t row_begin,
                 int64_t row_end, MatrixView<float> out);
void MatMulInt8(const MatMulInput& x, const PackedMatrix& w, int64_t row_begin,
                int64_t row_end, MatrixView<float> out);
void MatMulInt8ActivationGroups(const MatMulInput& x, const PackedMatrix& w,
                                int64_t row_begin, int64_t row_end,
                                MatrixView<float> out);
void MatMulInt4(const MatMulInput& x, const PackedMatrix& w, int64_t row_begin,
                int64_t row_end, MatrixView<float> out);
void MatMulInt4Progressive(const MatMulInput& x, const PackedMatrix& w,
                           int64_t row_begin, int64_t row_end,
                           MatrixView<float> out);
void QuantizeRow(const float* x, int64_t cols, int64_t stride, int8_t* codes,
                 float* scale, int32_t* sums);
void QuantizeRowGroups(const float* x, int64_t cols, int64_t stride,
                       int8_t* codes, float* scales, int32_t* sums);
void RmsNorm(const float* x, const float* weight, int64_t width, float epsilon,
             float* out);
void LayerNorm(const float* x, const float* weight, const float* bias,
               int64_t width, float epsilon, float* out);
void Rotary(float* x, const float* cos, const float* sin, int64_t dim);
void GatedActivation(Activation activation, const float* gate, const float* up,
                     int64_t size, float* out);
void Activate(Activation activation, const float* x, int64_t size, float* out);
void SoftCap(float cap, int64_t size, float* x);
void Add(const float* y, int64_t size, float* x);
void StoreKv(const KvHead& kv, int64_t position, const float* key,
             const float* value);
void Attend(const AttentionTile& tile);
void ReadBytes(int loop, const uint8_t* data, int64_t bytes);
int64_t MultiplyRegisters(Codec codec, int64_t rounds);

KernelTable MakeTable();

}  // namespace ounce::reference

#endif  // OUNCE_KERNELS_REFERENCE_REFERENCE_H_
