// Files of a bundle's folder, opened so that nothing outside of it can be reached: plain names, no links, regular
// files only, below a size that the caller states. Not for: writing.
//
//   absl::StatusOr<Folder> folder = Folder::Open(path);
//   absl::StatusOr<std::string> manifest = folder->Read("manifest.json", 1 << 20);
//   absl::StatusOr<MappedFile> weights = folder->Map("weights.safetensors", max_bytes);
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace strata::runtime {

// A whole file, read-only in memory. Who replaces a bundle writes a new folder and renames it: a file that is cut
// short while it is mapped ends the process (SIGBUS), as with every program that maps files.
class MappedFile {
 public:
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedFile();

  absl::Span<const std::byte> bytes() const { return bytes_; }
  // Takes the pages out of this process's memory; the system keeps them, and they come back when they are read. For
  // bytes that were read once and may not be again.
  void DropPages() const;

 private:
  friend class Folder;
  absl::Span<const std::byte> bytes_;
};

// Maps a regular file by its path (strata-run's inputs; links are followed here).
absl::StatusOr<MappedFile> MapFile(const std::string& path, size_t max_bytes);

class Folder {
 public:
  static absl::StatusOr<Folder> Open(const std::string& path);
  Folder(Folder&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Folder& operator=(Folder&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Folder();

  // kNotFound where there is no such file; kInvalidArgument for a bad name, a link, anything but a regular file, and
  // one of more than `max_bytes`.
  absl::StatusOr<std::string> Read(std::string_view name, size_t max_bytes) const;
  absl::StatusOr<MappedFile> Map(std::string_view name, size_t max_bytes) const;

 private:
  explicit Folder(int fd) : fd_(fd) {}
  absl::StatusOr<int> OpenFile(std::string_view name, size_t max_bytes, size_t* num_bytes) const;
  int fd_ = -1;
};

}  // namespace strata::runtime
