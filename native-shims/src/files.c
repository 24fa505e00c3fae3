/* File descriptors: open, close, read, write, ioctl, poll, epoll, eventfd. */
#include "shim.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

static napi_value open_(napi_env env, napi_callback_info info) { /* (path\0, flags) */
  arguments a = arguments_of(env, info);
  return result(env, open(bytes_at(&a, 0, NULL), int_at(&a, 1) | O_CLOEXEC));
}

static napi_value close_(napi_env env, napi_callback_info info) { /* (fd) */
  arguments a = arguments_of(env, info);
  return result(env, close(int_at(&a, 0)));
}

static napi_value read_(napi_env env, napi_callback_info info) { /* (fd, bytes) */
  arguments a = arguments_of(env, info);
  size_t length;
  void *data = bytes_at(&a, 1, &length);
  return result(env, read(int_at(&a, 0), data, length));
}

static napi_value write_(napi_env env, napi_callback_info info) { /* (fd, bytes) */
  arguments a = arguments_of(env, info);
  size_t length;
  void *data = bytes_at(&a, 1, &length);
  return result(env, write(int_at(&a, 0), data, length));
}

static napi_value ioctl_(napi_env env, napi_callback_info info) { /* (fd, request, bytes | number) */
  arguments a = arguments_of(env, info);
  size_t length;
  void *data = bytes_at(&a, 2, &length);
  unsigned long request = (unsigned long)long_at(&a, 1);
  if (data) return result(env, ioctl(int_at(&a, 0), request, data));
  return result(env, ioctl(int_at(&a, 0), request, (unsigned long)long_at(&a, 2)));
}

static napi_value poll_(napi_env env, napi_callback_info info) { /* (struct pollfd[], count, timeout ms) */
  arguments a = arguments_of(env, info);
  return result(env, poll(bytes_at(&a, 0, NULL), (nfds_t)int_at(&a, 1), int_at(&a, 2)));
}

static napi_value epollCreate(napi_env env, napi_callback_info info) {
  (void)info;
  return result(env, epoll_create1(EPOLL_CLOEXEC));
}

static napi_value epollAdd(napi_env env, napi_callback_info info) { /* (epoll fd, fd): readable, level-triggered */
  arguments a = arguments_of(env, info);
  struct epoll_event event = { .events = EPOLLIN };
  return result(env, epoll_ctl(int_at(&a, 0), EPOLL_CTL_ADD, int_at(&a, 1), &event));
}

static napi_value epollWatch(napi_env env, napi_callback_info info) { /* (epoll fd, fd, events, number that epollTake names it by) */
  arguments a = arguments_of(env, info);
  struct epoll_event event = { .events = (uint32_t)int_at(&a, 2), .data.u64 = (uint32_t)int_at(&a, 3) };
  return result(env, epoll_ctl(int_at(&a, 0), EPOLL_CTL_ADD, int_at(&a, 1), &event));
}

static napi_value epollTake(napi_env env, napi_callback_info info) { /* (epoll fd, int32[] of number, events pairs) -> how many are ready now */
  arguments a = arguments_of(env, info);
  struct epoll_event events[64];
  size_t bytes;
  int32_t *pairs = bytes_at(&a, 1, &bytes);
  size_t most = bytes / (2 * sizeof *pairs);
  int count = epoll_wait(int_at(&a, 0), events, most < 64 ? (int)most : 64, 0);
  for (int i = 0; i < count; i++) {
    pairs[2 * i] = (int32_t)events[i].data.u64;
    pairs[2 * i + 1] = (int32_t)events[i].events;
  }
  return result(env, count);
}

static napi_value eventfd_(napi_env env, napi_callback_info info) {
  (void)info;
  return result(env, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

static napi_value eventfdSignal(napi_env env, napi_callback_info info) { /* (fd) */
  arguments a = arguments_of(env, info);
  uint64_t one = 1;
  return result(env, write(int_at(&a, 0), &one, sizeof one));
}

static napi_value eventfdClear(napi_env env, napi_callback_info info) { /* (fd) -> times signalled */
  arguments a = arguments_of(env, info);
  uint64_t times = 0;
  if (read(int_at(&a, 0), &times, sizeof times) < 0) return number(env, errno == EAGAIN ? 0 : -errno);
  return number(env, (double)times);
}

void define_files(napi_env env, napi_value exports) {
  define(env, exports, "open", open_);
  define(env, exports, "close", close_);
  define(env, exports, "read", read_);
  define(env, exports, "write", write_);
  define(env, exports, "ioctl", ioctl_);
  define(env, exports, "poll", poll_);
  define(env, exports, "epollCreate", epollCreate);
  define(env, exports, "epollAdd", epollAdd);
  define(env, exports, "epollWatch", epollWatch);
  define(env, exports, "epollTake", epollTake);
  define(env, exports, "eventfd", eventfd_);
  define(env, exports, "eventfdSignal", eventfdSignal);
  define(env, exports, "eventfdClear", eventfdClear);
}
