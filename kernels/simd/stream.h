// Writing memory that nobody reads soon: stores that pass the caches by save the read of every line that an ordinary
// store makes first, which is a third of a copy's traffic. They pay where the output is larger than the last cache.
//
//   if (WorthStreaming(bytes)) {
//     StreamBytes(to, from, bytes);
//     StreamFence();  // before another thread may read what was written
//   }
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace strata {

// Measured on a Zen 4 with 32 MiB of L3: up to 16 MiB of output ordinary stores are as fast or faster, from 32 MiB on
// streaming is 1.4 to 1.6 times as fast.
inline constexpr int64_t kStreamBytes = int64_t{24} << 20;

namespace stream_internal {
inline int64_t bound = kStreamBytes;  // StreamFromForTest alone writes it
}

inline bool WorthStreaming(int64_t output_bytes) { return output_bytes >= stream_internal::bound; }

// While it lives, outputs of so many bytes and more are worth streaming, so that a test of small ones takes the same
// path. REQUIRES: no kernel runs in another thread.
class StreamFromForTest {
 public:
  explicit StreamFromForTest(int64_t bytes) { stream_internal::bound = bytes; }
  ~StreamFromForTest() { stream_internal::bound = kStreamBytes; }
  StreamFromForTest(const StreamFromForTest&) = delete;
  StreamFromForTest& operator=(const StreamFromForTest&) = delete;
};

// Copies 16 bytes past the caches where the processor can. REQUIRES: `to` is a multiple of 16.
inline void Stream16(void* to, const void* from) {
#if defined(__SSE2__)
  _mm_stream_si128(static_cast<__m128i*>(to), _mm_loadu_si128(static_cast<const __m128i*>(from)));
#else
  std::memcpy(to, from, 16);
#endif
}

// Makes streamed stores visible in order with those that follow.
inline void StreamFence() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

// memcpy for sizes at which a call of it would cost more than its work.
inline void CopyShort(void* to, const void* from, size_t bytes) {
  auto* out = static_cast<std::byte*>(to);
  const auto* in = static_cast<const std::byte*>(from);
  if (bytes < 16) {
    for (size_t i = 0; i < bytes; ++i) out[i] = in[i];
    return;
  }
  size_t i = 0;
  for (; i + 32 <= bytes; i += 32) std::memcpy(out + i, in + i, 32);
  if (i + 16 <= bytes) std::memcpy(out + i, in + i, 16);
  std::memcpy(out + bytes - 16, in + bytes - 16, 16);
}

// Zeros past the caches, any address and size.
inline void StreamZeros(void* to, size_t bytes) {
  alignas(16) static constexpr std::byte kZeros[16] = {};
  auto* out = static_cast<std::byte*>(to);
  const size_t head = std::min(bytes, (64 - reinterpret_cast<uintptr_t>(out) % 64) % 64);
  std::memset(out, 0, head);
  size_t i = head;
  for (; i + 64 <= bytes; i += 64) {
    for (size_t part = 0; part < 64; part += 16) Stream16(out + i + part, kZeros);
  }
  std::memset(out + i, 0, bytes - i);
}

// memcpy past the caches, any addresses and size.
inline void StreamBytes(void* to, const void* from, size_t bytes) {
  auto* out = static_cast<std::byte*>(to);
  const auto* in = static_cast<const std::byte*>(from);
  const size_t head = (64 - reinterpret_cast<uintptr_t>(out) % 64) % 64;
  if (bytes < head + 64) return CopyShort(out, in, bytes);
  if (head > 0) CopyShort(out, in, head);
  size_t i = head;
  for (; i + 64 <= bytes; i += 64) {
    // A whole line at once, so that it leaves the processor as one.
    for (size_t part = 0; part < 64; part += 16) Stream16(out + i + part, in + i + part);
  }
  if (i < bytes) CopyShort(out + i, in + i, bytes - i);
}

}  // namespace strata
