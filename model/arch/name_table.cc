#include "model/arch/name_table.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace ounce {
namespace {

constexpr absl::string_view kLayerPrefix = "model.layers.";
constexpr absl::string_view kEncoderLayerPrefix = "encoder.layers.";
constexpr absl::string_view kExpertPrefix = "mlp.experts.";

// A canonical name taken apart.
struct CanonicalName {
  std::string stem;          // As NameRow::canonical.
  absl::string_view suffix;  // ".weight" or ".bias".
  absl::string_view layer;   // Its number; "" outside layers.
  int64_t expert = 0;
};

// Takes the digits off the front of `*rest`, and the dot behind them.
absl::string_view ConsumeNumber(absl::string_view* rest) {
  const absl::string_view number = rest->substr(0, rest->find('.'));
  rest->remove_prefix(std::min(rest->size(), number.size() + 1));
  return number;
}

CanonicalName Parse(absl::string_view name) {
  CanonicalName parsed;
  parsed.suffix = name.substr(name.rfind('.'));
  name.remove_suffix(parsed.suffix.size());
  if (absl::ConsumePrefix(&name, kLayerPrefix)) {
    parsed.layer = ConsumeNumber(&name);
  } else if (absl::ConsumePrefix(&name, kEncoderLayerPrefix)) {
    parsed.layer = ConsumeNumber(&name);
    parsed.stem = "encoder.";
  }
  if (absl::ConsumePrefix(&name, kExpertPrefix)) {
    if (!absl::SimpleAtoi(ConsumeNumber(&name), &parsed.expert)) return parsed;
    absl::StrAppend(&parsed.stem, kExpertPrefix, "@.");
  }
  absl::StrAppend(&parsed.stem, name);
  return parsed;
}

std::string StoredName(const NameRow& row, const CanonicalName& name) {
  const std::string stem = absl::StrReplaceAll(
      row.source, {{"#", name.layer}, {"@", absl::StrCat(name.expert)}});
  return row.is_whole_name ? stem : absl::StrCat(stem, name.suffix);
}

// What a fused tensor has in place of the matrix's rows.
struct FusedRows {
  std::vector<int64_t> outer;  // Dimensions before them.
  int64_t rows = 0;            // Of the stored tensor, all of `outer` apart.
  ElementMap map;              // Its rows alone.
};

FusedRows FuseQkvByHead(const ModelSpec& spec, int part) {
  const int64_t queries = spec.heads / spec.kv_heads * spec.head_dim;
  FusedRows fused;
  fused.map.group_step = queries + 2 * spec.head_dim;
  fused.map.group_rows = part == 0 ? queries : spec.head_dim;
  fused.map.first = part == 0 ? 0 : queries + (part - 1) * spec.head_dim;
  fused.rows = spec.kv_heads * fused.map.group_step;
  return fused;
}

FusedRows Fuse(const ModelSpec& spec, const NameRow& row, int64_t rows,
               int64_t expert) {
  FusedRows fused;
  fused.rows = rows;
  switch (row.fusion) {
    case Fusion::kNone:
      break;
    case Fusion::kQkv: {
      const int64_t query = spec.heads * spec.head_dim;
      const int64_t kv = spec.kv_heads * spec.head_dim;
      fused.map.first = row.part == 0 ? 0 : query + (row.part - 1) * kv;
      fused.rows = query + 2 * kv;
      break;
    }
    case Fusion::kQkvByHead:
      return FuseQkvByHead(spec, row.part);
    case Fusion::kGateUp:
      fused.map.first = row.part * rows;
      fused.rows = 2 * rows;
      break;
    case Fusion::kExperts:
      fused.outer = {spec.experts.experts};
      fused.map.first = expert * rows;
      break;
    case Fusion::kExpertsGateUp:
      fused.outer = {spec.experts.experts};
      fused.map.first = (2 * expert + row.part) * rows;
      fused.rows = 2 * rows;
      break;
    case Fusion::kRowVector:
      fused.outer = {1};
      break;
  }
  return fused;
}

SourceTensor Place(const NameRow& row, const CanonicalName& name,
                   const ModelSpec& spec, const TensorSlot& slot) {
  const bool is_vector = slot.shape.size() == 1;
  FusedRows fused = Fuse(spec, row, slot.shape[0], name.expert);
  SourceTensor source;
  source.name = StoredName(row, name);
  source.shape = std::move(fused.outer);
  source.map = fused.map;
  const int64_t cols = is_vector ? 1 : slot.shape[1];
  source.map.row_step = cols;
  if (is_vector) {
    source.shape.push_back(fused.rows);
  } else if (row.transposed) {
    source.map.row_step = 1;
    source.map.column_step = fused.rows;
    source.shape.insert(source.shape.end(), {cols, fused.rows});
  } else {
    source.shape.insert(source.shape.end(), {fused.rows, cols});
  }
  return source;
}

// Whether `row` says where the tensor called `name` is.
bool Names(const NameRow& row, const CanonicalName& name) {
  absl::string_view canonical = row.canonical;
  return absl::ConsumePrefix(&canonical, name.stem) &&
         (canonical.empty() || canonical == name.suffix);
}

// Files of the first years call a layer norm's vectors as TensorFlow does.
void AppendOldNames(std::vector<SourceTensor>* sources) {
  const size_t size = sources->size();
  for (size_t i = 0; i < size; ++i) {
    absl::string_view stem = (*sources)[i].name;
    const bool is_bias = absl::ConsumeSuffix(&stem, ".bias");
    if (!is_bias && !absl::ConsumeSuffix(&stem, ".weight")) continue;
    if (!absl::EndsWith(stem, "LayerNorm")) continue;
    SourceTensor old = (*sources)[i];
    old.name = absl::StrCat(stem, is_bias ? ".beta" : ".gamma");
    sources->push_back(std::move(old));
  }
}

}  // namespace

std::vector<SourceTensor> SourceTensorsOf(const NameTable& names,
                                          const ModelSpec& spec,
                                          const TensorSlot& slot) {
  const CanonicalName name = Parse(slot.name);
  std::vector<SourceTensor> sources;
  for (const NameRow& row : names.rows) {
    if (Names(row, name)) sources.push_back(Place(row, name, spec, slot));
  }
  for (const NameRow& row : names.base_rows) {
    if (!Names(row, name)) continue;
    sources.push_back(Place(row, name, spec, slot));
    sources.back().name = absl::StrCat(names.prefix, sources.back().name);
  }
  if (sources.empty()) sources.push_back({slot.name, slot.shape, {}});
  const size_t with_prefix = sources.size();
  for (size_t i = 0; i < with_prefix && !names.prefix.empty(); ++i) {
    if (!absl::StartsWith(sources[i].name, names.prefix)) continue;
    SourceTensor bare = sources[i];
    bare.name.erase(0, names.prefix.size());
    sources.push_back(std::move(bare));
  }
  AppendOldNames(&sources);
  return sources;
}

bool IsHarmless(const NameTable& names, absl::string_view source_name) {
  constexpr absl::string_view kSuffixes[] = {".inv_freq",
                                             ".cos_cached",
                                             ".sin_cached",
                                             ".attn.bias",
                                             ".attn.masked_bias",
                                             ".attention.bias",
                                             ".attention.masked_bias",
                                             "position_ids",
                                             "token_type_ids"};
  for (const absl::string_view suffix : kSuffixes) {
    if (absl::EndsWith(source_name, suffix)) return true;
  }
  if (source_name == "lm_head.weight") return true;
  absl::string_view bare = source_name;
  absl::ConsumePrefix(&bare, names.prefix);
  for (const absl::string_view unused : names.unused) {
    if (absl::StartsWith(bare, unused)) return true;
  }
  return std::any_of(
      names.rows.begin(), names.rows.end(), [source_name](const NameRow& row) {
        return row.canonical == "lm_head" &&
               absl::StrCat(row.source, ".weight") == source_name;
      });
}

}  // namespace ounce
