#include "text/jinja/print.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "text/jinja/python_text.h"

namespace ounce::jinja {
namespace {

// Spends what was appended since the last call.
class Appender {
 public:
  explicit Appender(Work* work) : work_(*work) {}

  void Add(absl::string_view text) { out_.append(text.data(), text.size()); }
  std::string& out() { return out_; }
  absl::Status Charge() {
    const size_t added = out_.size() - charged_ + 1;
    charged_ = out_.size();
    return work_.Spend(added);
  }

 private:
  Work& work_;
  std::string out_;
  size_t charged_ = 0;
};

class Printer : public Appender {
 public:
  using Appender::Appender;

  absl::Status Repr(const Value& value, int depth) {
    if (depth > kMaxValueDepth) {
      return absl::ResourceExhaustedError("a value nested too deep to print");
    }
    OUNCE_RETURN_IF_ERROR(Charge());
    if (const Text* text = value.AsText()) return ReprText(*text);
    if (const Sequence* sequence = value.AsSequence()) {
      return ReprSequence(*sequence, value.type_name(), depth);
    }
    if (const Dict* dict = value.AsDict()) {
      return ReprEntries(dict->entries(), depth);
    }
    if (const Namespace* space = value.AsNamespace()) {
      return ReprNamespace(*space, depth);
    }
    return ReprScalar(value);
  }

 private:
  absl::Status ReprText(const Text& text) {
    if (text.is_markup) Add("Markup(");
    AppendRepr(text.bytes, &out());
    if (text.is_markup) Add(")");
    return Charge();
  }

  absl::Status ReprScalar(const Value& value) {
    if (value.is_none()) {
      Add("None");
    } else if (value.is_undefined()) {
      Add("Undefined");
    } else if (const bool* truth = value.AsBool()) {
      Add(*truth ? "True" : "False");
    } else if (const int64_t* integer = value.AsInt()) {
      absl::StrAppend(&out(), *integer);
    } else if (const double* number = value.AsFloat()) {
      Add(FloatRepr(*number));
    } else if (const Range* range = value.AsRange()) {
      absl::StrAppend(&out(), "range(", range->start, ", ", range->stop,
                      range->step == 1 ? "" : absl::StrCat(", ", range->step),
                      ")");
    } else {
      return absl::UnimplementedError(
          absl::StrCat("printing a value of type ", value.type_name(),
                       "; print what it gives when called, or `|list` of it"));
    }
    return absl::OkStatus();
  }

  absl::Status ReprSequence(const Sequence& sequence, absl::string_view name,
                            int depth) {
    const bool tuple = sequence.kind == SequenceKind::kTuple;
    const bool view = !tuple && sequence.kind != SequenceKind::kList;
    if (view) absl::StrAppend(&out(), name, "(");
    Add(tuple ? "(" : "[");
    bool first = true;
    for (const Value& item : sequence.items) {
      if (!std::exchange(first, false)) Add(", ");
      OUNCE_RETURN_IF_ERROR(Repr(item, depth + 1));
    }
    if (tuple && sequence.items.size() == 1) Add(",");
    Add(tuple ? ")" : "]");
    if (view) Add(")");
    return absl::OkStatus();
  }

  absl::Status ReprEntries(const std::vector<Dict::Entry>& entries, int depth) {
    Add("{");
    bool first = true;
    for (const auto& [key, value] : entries) {
      if (!std::exchange(first, false)) Add(", ");
      OUNCE_RETURN_IF_ERROR(Repr(key, depth + 1));
      Add(": ");
      OUNCE_RETURN_IF_ERROR(Repr(value, depth + 1));
    }
    Add("}");
    return absl::OkStatus();
  }

  absl::Status ReprNamespace(const Namespace& space, int depth) {
    Add("<Namespace {");
    bool first = true;
    for (const auto& [name, value] : space.attributes) {
      if (!std::exchange(first, false)) Add(", ");
      AppendRepr(name, &out());
      Add(": ");
      OUNCE_RETURN_IF_ERROR(Repr(value, depth + 1));
    }
    Add("}>");
    return absl::OkStatus();
  }
};

class JsonPrinter : public Appender {
 public:
  JsonPrinter(const JsonStyle& style, Work* work)
      : Appender(work), style_(style) {}

  absl::Status Print(const Value& value, int level) {
    OUNCE_RETURN_IF_ERROR(Charge());
    if (const Text* text = value.AsText()) {
      AppendJsonString(text->bytes, style_.ensure_ascii, &out());
      return Charge();
    }
    if (value.AsSequence(SequenceKind::kList) != nullptr ||
        value.AsSequence(SequenceKind::kTuple) != nullptr) {
      return PrintArray(*value.AsSequence(), level);
    }
    if (const Dict* dict = value.AsDict()) return PrintObject(*dict, level);
    OUNCE_ASSIGN_OR_RETURN(const std::string scalar, Scalar(value));
    Add(scalar);
    return absl::OkStatus();
  }

 private:
  static absl::StatusOr<std::string> Scalar(const Value& value) {
    if (value.is_none()) return "null";
    if (const bool* truth = value.AsBool()) return *truth ? "true" : "false";
    if (const int64_t* integer = value.AsInt()) return absl::StrCat(*integer);
    if (const double* number = value.AsFloat()) {
      if (std::isnan(*number)) return "NaN";
      if (std::isinf(*number)) return *number > 0 ? "Infinity" : "-Infinity";
      return FloatRepr(*number);
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "a value of type ", value.type_name(), " has no JSON form",
        value.is_undefined() && value.AsUndefined()->what != nullptr
            ? absl::StrCat(" (", *value.AsUndefined()->what, ")")
            : ""));
  }

  void NewLine(int level) {
    if (!style_.indent.has_value()) return;
    Add("\n");
    for (int i = 0; i < level; ++i) Add(*style_.indent);
  }

  absl::Status PrintArray(const Sequence& sequence, int level) {
    Add("[");
    bool first = true;
    for (const Value& item : sequence.items) {
      if (!std::exchange(first, false)) Add(style_.item_separator);
      NewLine(level + 1);
      OUNCE_RETURN_IF_ERROR(Print(item, level + 1));
    }
    if (!sequence.items.empty()) NewLine(level);
    Add("]");
    return absl::OkStatus();
  }

  absl::Status PrintObject(const Dict& dict, int level) {
    OUNCE_ASSIGN_OR_RETURN(const std::vector<const Dict::Entry*> entries,
                           Entries(dict));
    Add("{");
    bool first = true;
    for (const Dict::Entry* entry : entries) {
      if (!std::exchange(first, false)) Add(style_.item_separator);
      NewLine(level + 1);
      OUNCE_RETURN_IF_ERROR(PrintKey(entry->first));
      Add(style_.key_separator);
      OUNCE_RETURN_IF_ERROR(Print(entry->second, level + 1));
    }
    if (!entries.empty()) NewLine(level);
    Add("}");
    return absl::OkStatus();
  }

  absl::Status PrintKey(const Value& key) {
    if (key.AsText() != nullptr) return Print(key, 0);
    OUNCE_ASSIGN_OR_RETURN(const std::string scalar, Scalar(key));
    absl::StrAppend(&out(), "\"", scalar, "\"");
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<const Dict::Entry*>> Entries(
      const Dict& dict) const {
    std::vector<const Dict::Entry*> entries;
    for (const Dict::Entry& entry : dict.entries()) {
      if (style_.sort_keys && entry.first.AsText() == nullptr) {
        return absl::UnimplementedError("sorting keys that are no strings");
      }
      entries.push_back(&entry);
    }
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(),
                       [](const Dict::Entry* a, const Dict::Entry* b) {
                         return a->first.AsText()->bytes <
                                b->first.AsText()->bytes;
                       });
    }
    return entries;
  }

  const JsonStyle& style_;
};

}  // namespace

absl::StatusOr<std::string> ToText(const Value& value, Work* work) {
  if (const Text* text = value.AsText()) {
    OUNCE_RETURN_IF_ERROR(work->Spend(text->bytes.size()));
    return text->bytes;
  }
  if (value.is_undefined()) return "";
  Printer printer(work);
  OUNCE_RETURN_IF_ERROR(printer.Repr(value, 0));
  return std::move(printer.out());
}

absl::StatusOr<std::string> ToJson(const Value& value, const JsonStyle& style,
                                   Work* work) {
  JsonPrinter printer(style, work);
  OUNCE_RETURN_IF_ERROR(printer.Print(value, 0));
  OUNCE_RETURN_IF_ERROR(printer.Charge());
  return std::move(printer.out());
}

}  // namespace ounce::jinja
