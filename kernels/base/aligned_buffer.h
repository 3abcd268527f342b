// AlignedBuffer: bytes on a 64-byte boundary (a cache line, an AVX-512 vector) that only ever grow.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

#include "kernels/base/check.h"

namespace strata {

inline constexpr size_t kAlignment = 64;

constexpr size_t AlignUp(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t bytes) { Reserve(bytes); }

  // Makes room for `bytes`; what was in the buffer is lost when it has to grow. Dies when memory is out.
  std::byte* Reserve(size_t bytes) {
    if (bytes > capacity_) {
      data_.reset();
      data_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, AlignUp(bytes))));
      STRATA_CHECK(data_ != nullptr, "out of memory");
      capacity_ = AlignUp(bytes);
    }
    return data_.get();
  }

  std::byte* data() const { return data_.get(); }
  size_t capacity() const { return capacity_; }

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::unique_ptr<std::byte, Free> data_;
  size_t capacity_ = 0;
};

}  // namespace strata
