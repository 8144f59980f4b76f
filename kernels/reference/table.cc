#include "kernels/reference/reference.h"

namespace ounce::reference {

KernelTable MakeTable() {
  KernelTable table;
  table.isa = Isa::kReference;
  // In the order of Codec.
  table.matmul = {MatMulFloat,
                  MatMulFloat,
                  MatMulFloat,
                  MatMulInt8,
                  MatMulInt4,
                  MatMulInt4,
                  MatMulInt4Progressive,
                  MatMulInt8ActivationGroups};
  table.matmul_blocks = MatMulFloat;
  table.quantize_row = QuantizeRow;
  table.quantize_row_groups = QuantizeRowGroups;
  table.rms_norm = RmsNorm;
  table.layer_norm = LayerNorm;
  table.rotary = Rotary;
  table.gated_activation = GatedActivation;
  table.activate = Activate;
  table.soft_cap = SoftCap;
  table.add = Add;
  table.store_kv = StoreKv;
  table.attention = Attend;
  table.read_bytes = ReadBytes;
  table.multiply_registers = MultiplyRegisters;
  return table;
}

}  // namespace ounce::reference
