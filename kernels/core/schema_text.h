// A schema as text, for torch, for Python, for people and for the hash that a bundle carries.
#pragma once

#include <string>
#include <string_view>

#include "kernels/core/op_def.h"

namespace strata {

// A JSON string.
std::string JsonText(std::string_view text);

// "float32, bfloat16 or float64"
std::string DTypeSetText(DTypeSet set);

// "rms_norm(Tensor x, Tensor weight, float eps=9.9999999999999995e-07) -> Tensor"
std::string TorchSchema(const OpSchema& schema);

// One line that holds everything that a caller depends on; equal text, equal interface.
std::string CanonicalText(const OpSchema& schema);

// 16 hex digits of the 64-bit FNV-1a hash of CanonicalText. It tells schemas apart; it is no signature.
std::string SchemaHash(const OpSchema& schema);

// `status` with "strata::<op>: " before an error's words.
Status InOp(const OpSchema& schema, const Status& status);

// The schema and the rows of an op as one JSON object (read by strata/ops/_schema.py).
std::string SchemaJson(const OpDef& op);

}  // namespace strata
