/* A device that fails, for one process: loaded before libc, it lets writes to files below a folder fail
 * while a file says so. `FAILING_FOLDER` is the folder, `FAILING_CONTROL` the file; its first letter says
 * what fails: `w` writes, `s` syncs, `a` both. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int fails(int fd, int sync) {
  const char *control = getenv("FAILING_CONTROL"), *folder = getenv("FAILING_FOLDER");
  if (!control || !folder) return 0;
  static int (*real_open)(const char *, int, ...) = NULL;
  static ssize_t (*real_read)(int, void *, size_t) = NULL;
  if (!real_open) real_open = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
  if (!real_read) real_read = (ssize_t(*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
  int saved = errno, file = real_open(control, O_RDONLY | O_CLOEXEC);
  char what = 0;
  if (file >= 0) {
    if (real_read(file, &what, 1) != 1) what = 0;
    close(file);
  }
  errno = saved;
  if (!(what == 'a' || (what == 'w' && !sync) || (what == 's' && sync))) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  errno = saved;
  if (length <= 0) return 0;
  path[length] = 0;
  if (strncmp(path, folder, strlen(folder)) != 0) return 0;
  errno = EIO;
  return 1;
}

#define REAL(result, name, ...)                                         \
  static result (*real)(__VA_ARGS__) = NULL;                            \
  if (!real) real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t size) {
  REAL(ssize_t, write, int, const void *, size_t);
  return fails(fd, 0) ? -1 : real(fd, data, size);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(ssize_t, writev, int, const struct iovec *, int);
  return fails(fd, 0) ? -1 : real(fd, parts, count);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
  REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
  return fails(fd, 0) ? -1 : real(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
  return fails(fd, 0) ? -1 : real(fd, data, size, at);
}
int fsync(int fd) {
  REAL(int, fsync, int);
  return fails(fd, 1) ? -1 : real(fd);
}
int fdatasync(int fd) {
  REAL(int, fdatasync, int);
  return fails(fd, 1) ? -1 : real(fd);
}
