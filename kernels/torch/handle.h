// Torch's C shim, made safe: an owned tensor handle, checked calls, dtypes. The shim is the stable ABI that torch
// promises to keep, so that one build loads in torch 2.10 and everything later.
#pragma once

#include <torch/csrc/stable/c/shim.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "kernels/core/dtype.h"

namespace strata::torch_adapter {

// Throws what torch turns into a RuntimeError.
inline void Check(AOTITorchError error, const char* what) {
  if (error != 0) throw std::runtime_error(std::string("strata: torch's ") + what + " failed");
}

// Owns one tensor handle.
class Handle {
 public:
  Handle() = default;
  explicit Handle(AtenTensorHandle handle) : handle_(handle) {}
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Handle() {
    if (handle_ != nullptr) aoti_torch_delete_tensor_object(handle_);
  }

  AtenTensorHandle get() const { return handle_; }
  AtenTensorHandle release() { return std::exchange(handle_, nullptr); }
  explicit operator bool() const { return handle_ != nullptr; }

 private:
  AtenTensorHandle handle_ = nullptr;
};

// Torch's dtype codes are functions, not constants.
std::optional<DType> FromTorch(int32_t dtype);
int32_t ToTorch(DType dtype);
// "float16", for messages about dtypes that Strata has not.
std::string TorchDTypeName(int32_t dtype);
// "cuda", for messages.
std::string TorchDeviceName(int32_t device);

}  // namespace strata::torch_adapter
