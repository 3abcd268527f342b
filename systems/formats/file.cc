#include "systems/formats/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

absl::Status SystemError(std::string_view what, int error) {
  const std::string message = Cat(what, ": ", std::strerror(error));
  return error == ENOENT ? absl::NotFoundError(message) : absl::InvalidArgumentError(message);
}

// Closes on leaving the scope.
struct Descriptor {
  int fd;
  explicit Descriptor(int f) : fd(f) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(fd); }
};

absl::Status CheckFile(int fd, std::string_view label, size_t max_bytes, size_t* num_bytes) {
  struct stat info;
  if (fstat(fd, &info) != 0) return SystemError(label, errno);
  if (!S_ISREG(info.st_mode)) return Invalid(label, " is not a regular file");
  *num_bytes = static_cast<size_t>(info.st_size);
  if (*num_bytes > max_bytes) {
    return Invalid(label, " has ", BytesText(*num_bytes), ", wanted at most ", BytesText(max_bytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Span<const std::byte>> MapDescriptor(int fd, std::string_view label, size_t num_bytes) {
  if (num_bytes == 0) return absl::Span<const std::byte>();
  void* data = mmap(nullptr, num_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED) return SystemError(label, errno);
  return absl::Span<const std::byte>(static_cast<const std::byte*>(data), num_bytes);
}

}  // namespace

void MappedFile::DropPages() const {
  if (!bytes_.empty()) madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

absl::StatusOr<Folder> Folder::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SystemError(Cat("the bundle's folder ", Quote(path)), errno);
  return Folder(fd);
}

Folder::~Folder() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<int> Folder::OpenFile(std::string_view name, size_t max_bytes, size_t* num_bytes) const {
  if (!IsModelName(name, 128)) {
    return Invalid("the file name ", Quote(name), " is not plain, wanted letters, digits, '.', '_' and '-'");
  }
  // O_NONBLOCK: opening a pipe must not wait for a writer.
  const int fd = openat(fd_, std::string(name).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0 && errno == ELOOP) return Invalid(name, " is a symbolic link, wanted a regular file");
  if (fd < 0) return SystemError(name, errno);
  if (absl::Status status = CheckFile(fd, name, max_bytes, num_bytes); !status.ok()) {
    close(fd);
    return status;
  }
  return fd;
}

absl::StatusOr<std::string> Folder::Read(std::string_view name, size_t max_bytes) const {
  size_t num_bytes = 0;
  RUNTIME_ASSIGN_OR_RETURN(const int fd, OpenFile(name, max_bytes, &num_bytes));
  const Descriptor closer(fd);
  std::string text(num_bytes, '\0');
  size_t done = 0;
  while (done < num_bytes) {
    const ssize_t n = read(fd, text.data() + done, num_bytes - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(name, errno);
    if (n == 0) return Invalid(name, " became shorter while it was read");
    done += static_cast<size_t>(n);
  }
  return text;
}

absl::StatusOr<MappedFile> Folder::Map(std::string_view name, size_t max_bytes) const {
  size_t num_bytes = 0;
  RUNTIME_ASSIGN_OR_RETURN(const int fd, OpenFile(name, max_bytes, &num_bytes));
  const Descriptor closer(fd);
  MappedFile file;
  RUNTIME_ASSIGN_OR_RETURN(file.bytes_, MapDescriptor(fd, name, num_bytes));
  return file;
}

absl::StatusOr<MappedFile> MapFile(const std::string& path, size_t max_bytes) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    RUNTIME_ASSIGN_OR_RETURN(const Folder here, Folder::Open("."));
    return here.Map(path, max_bytes);
  }
  RUNTIME_ASSIGN_OR_RETURN(const Folder folder, Folder::Open(path.substr(0, slash + 1)));
  return folder.Map(path.substr(slash + 1), max_bytes);
}

}  // namespace strata::runtime
