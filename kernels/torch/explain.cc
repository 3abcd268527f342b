// What Python asks of the table beyond calling its operators, through ctypes: which row would run a call, and a tuning
// table. No torch in here; the answers are JSON.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/core/explain.h"
#include "kernels/core/invoke.h"
#include "kernels/core/schema_text.h"
#include "kernels/core/tuning.h"
#include "kernels/ops/registry.h"

namespace strata {
namespace {

// A call as Python describes it: for every input the number of its tensors (-1: absent), for every tensor its dtype,
// rank, sizes and strides, then the bits of every attribute; texts are empty or `text`.
struct Described {
  Call call;
  std::array<std::vector<TensorView>, kMaxInputs> lists;
  std::string_view text;

  Described(const OpSchema& schema, const int64_t* word, std::string_view given) : call(schema), text(given) {
    for (size_t i = 0; i < static_cast<size_t>(schema.num_inputs); ++i) {
      const int64_t count = *word++;
      for (int64_t t = 0; t < count; ++t) lists[i].push_back(Tensor(word));
      if (schema.inputs[i].list) {
        call.lists[i] = lists[i];
      } else if (count == 1) {
        call.inputs[i] = lists[i][0];
      }
    }
    for (size_t i = 0; i < static_cast<size_t>(schema.num_attrs); ++i, ++word) {
      call.attrs[i].i = *word;
      if (schema.attrs[i].kind == AttrKind::kFloat) call.attrs[i].f = std::bit_cast<double>(*word);
      if (schema.attrs[i].kind == AttrKind::kText) call.attrs[i].text = &text;
    }
  }

  static TensorView Tensor(const int64_t*& word) {
    TensorView view;
    view.dtype = static_cast<DType>(*word++);
    view.rank = static_cast<int>(*word++);
    std::copy_n(word, view.rank, view.sizes.begin());
    std::copy_n(word + view.rank, view.rank, view.strides.begin());
    word += 2 * view.rank;
    return view;
  }
};

std::string Rows(const OpDef& op, const Call& call) {
  std::string rows;
  for (const RowChoice& choice : ExplainRows(op, OpContext{}, call)) {
    rows += (rows.empty() ? "{\"row\": " : ", {\"row\": ") + JsonText(choice.row->name) +
            ", \"numerics\": " + JsonText(choice.row->numerics) + ", \"runs\": " + (choice.runs ? "true" : "false") +
            ", \"reason\": " + JsonText(choice.reason) + "}";
  }
  return "{\"key\": " + JsonText(TuningKey(op, call)) + ", \"rows\": [" + rows + "]}";
}

std::string Which(std::string_view name, const int64_t* words, std::string_view text) {
  const OpDef* op = FindOp(name);
  if (op == nullptr) return "{\"error\": \"there is no such operator\"}";
  Described described(*op->schema, words, text);
  const Status status = Infer(*op, described.call);
  if (!status.ok()) return "{\"error\": " + JsonText(status.message()) + "}";
  return Rows(*op, described.call);
}

// Hands a text to Python, which reads it before it calls again on this thread.
const char* Keep(std::string text) {
  static thread_local std::string kept;
  kept = std::move(text);
  return kept.c_str();
}

}  // namespace
}  // namespace strata

#define STRATA_EXPORT extern "C" __attribute__((visibility("default")))

STRATA_EXPORT const char* strata_which(const char* op, const int64_t* words, const char* text) {
  return strata::Keep(strata::Which(op, words, text));
}

// "" or what is wrong with the table.
STRATA_EXPORT const char* strata_load_tuning(const char* text) {
  return strata::Keep(strata::LoadTuning(text, strata::FindOp).message());
}
