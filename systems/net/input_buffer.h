// Bytes read from a socket and not parsed yet, in one contiguous run.
//
// For: a connection whose next read is pending while it parses what it has. Memory moves only in Prepare, never in
// Consume, so that a pending read's target stays valid. Not for: several readers.

#ifndef SYSTEMS_NET_INPUT_BUFFER_H_
#define SYSTEMS_NET_INPUT_BUFFER_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace strata::net {

class InputBuffer {
 public:
  // Starts at `initial` bytes and grows to `limit`. REQUIRES: 0 < initial <= limit.
  InputBuffer(size_t initial, size_t limit)
      : data_(new char[initial]), capacity_(initial), limit_(limit), last_prepared_(0) {}

  std::string_view view() const { return {data_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  // True if a read would have no room even after Prepare.
  bool full() const { return end_ - begin_ >= limit_; }

  // Room for the next read; empty if full(). REQUIRES: no read is pending.
  std::span<char> Prepare() {
    const size_t used = end_ - begin_;
    if (begin_ > 0) {
      std::memmove(data_.get(), data_.get() + begin_, used);
      begin_ = 0;
      end_ = used;
    }
    if ((end_ == capacity_ || last_read_filled_) && capacity_ < limit_) Grow();
    last_prepared_ = capacity_ - end_;
    return {data_.get() + end_, last_prepared_};
  }
  // A read of n bytes into what Prepare gave has ended.
  void Commit(size_t n) {
    end_ += n;
    last_read_filled_ = n == last_prepared_;  // a fast sender: read larger pieces
  }
  // REQUIRES: n <= view().size().
  void Consume(size_t n) { begin_ += n; }

 private:
  void Grow() {
    const size_t bigger = std::min(limit_, capacity_ * 2);
    std::unique_ptr<char[]> data(new char[bigger]);
    std::memcpy(data.get(), data_.get(), end_);
    data_ = std::move(data);
    capacity_ = bigger;
  }

  std::unique_ptr<char[]> data_;
  size_t capacity_;
  size_t limit_;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t last_prepared_;
  bool last_read_filled_ = false;
};

}  // namespace strata::net

#endif  // SYSTEMS_NET_INPUT_BUFFER_H_
