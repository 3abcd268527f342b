#include "kernels/torch/handle.h"

#include <array>

namespace strata::torch_adapter {
namespace {

// Torch's code of each DType, in order.
const std::array<int32_t, kNumDTypes>& Codes() {
  static const std::array<int32_t, kNumDTypes> codes = {
      aoti_torch_dtype_float32(), aoti_torch_dtype_bfloat16(), aoti_torch_dtype_float64(),
      aoti_torch_dtype_int32(),   aoti_torch_dtype_int64(),    aoti_torch_dtype_uint8(),
      aoti_torch_dtype_bool(),    aoti_torch_dtype_float16(),  aoti_torch_dtype_int8()};
  return codes;
}

}  // namespace

std::optional<DType> FromTorch(int32_t dtype) {
  for (size_t i = 0; i < Codes().size(); ++i) {
    if (Codes()[i] == dtype) return static_cast<DType>(i);
  }
  return std::nullopt;
}

int32_t ToTorch(DType dtype) { return Codes()[static_cast<size_t>(dtype)]; }

std::string TorchDTypeName(int32_t dtype) {
  if (const auto known = FromTorch(dtype)) return std::string(NameOf(*known));
  // The numbers are written into torch's files, so they stay; those of dtypes that Strata has are left out.
  switch (dtype) {
    case 2:
      return "int16";
    case 8:
      return "complex32";
    case 9:
      return "complex64";
    case 10:
      return "complex128";
    default:
      return "number " + std::to_string(dtype) + " of torch";
  }
}

std::string TorchDeviceName(int32_t device) {
  if (device == 0) return "cpu";
  if (device == 1) return "cuda";
  return "device number " + std::to_string(device) + " of torch";
}

}  // namespace strata::torch_adapter
