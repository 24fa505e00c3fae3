/*
 * Many frames in one call. Each frame is an address (double) and a length; the kernel reads them where they lie, e.g. in a
 * receive ring. A frame the kernel refuses is skipped and counted, so that it never blocks those behind it.
 */
#include "shim.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define BATCH 256
#define FULL_QUEUE_RETRIES 8
#define RECEIVED 64

static int is_full(int error) { return error == EAGAIN || error == ENOBUFS || error == EINTR; }

static void wait_writable(int fd) {
  struct pollfd p = { .fd = fd, .events = POLLOUT };
  poll(&p, 1, 1);
}

/* (fd, Float64Array addresses, Int32Array lengths, count, Int32Array[2] out: refused, last errno) -> sent */
static napi_value sendFrames(napi_env env, napi_callback_info info) {
  arguments a = arguments_of(env, info);
  int fd = int_at(&a, 0), count = int_at(&a, 3);
  const double *address = bytes_at(&a, 1, NULL);
  const int32_t *length = bytes_at(&a, 2, NULL);
  int32_t *out = bytes_at(&a, 4, NULL);
  static __thread struct mmsghdr messages[BATCH];
  static __thread struct iovec vectors[BATCH];
  int sent = 0, refused = 0, last = 0;
  for (int start = 0; start < count; start += BATCH) {
    int n = count - start < BATCH ? count - start : BATCH;
    for (int i = 0; i < n; i++) {
      vectors[i].iov_base = (void *)(uintptr_t)address[start + i];
      vectors[i].iov_len = (size_t)length[start + i];
      memset(&messages[i].msg_hdr, 0, sizeof messages[i].msg_hdr);
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    int at = 0, tries = 0;
    while (at < n) {
      int r = sendmmsg(fd, messages + at, (unsigned)(n - at), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (r > 0) {
        at += r;
        sent += r;
        tries = 0;
        continue;
      }
      last = errno;
      if (is_full(last) && tries++ < FULL_QUEUE_RETRIES) {
        wait_writable(fd);
        continue;
      }
      refused++;
      at++;
      tries = 0;
    }
  }
  out[0] = refused;
  out[1] = last;
  return number(env, sent);
}

/* (fd, Float64Array addresses, Int32Array lengths, count, Int32Array[2] out) -> written; one write(2) a frame, for TUN and TAP */
static napi_value writeFrames(napi_env env, napi_callback_info info) {
  arguments a = arguments_of(env, info);
  int fd = int_at(&a, 0), count = int_at(&a, 3);
  const double *address = bytes_at(&a, 1, NULL);
  const int32_t *length = bytes_at(&a, 2, NULL);
  int32_t *out = bytes_at(&a, 4, NULL);
  int written = 0, refused = 0, last = 0;
  for (int i = 0, tries = 0; i < count; ) {
    if (write(fd, (void *)(uintptr_t)address[i], (size_t)length[i]) >= 0) {
      written++;
    } else {
      last = errno;
      if (is_full(last) && tries++ < FULL_QUEUE_RETRIES) {
        wait_writable(fd);
        continue;
      }
      refused++;
    }
    i++;
    tries = 0;
  }
  out[0] = refused;
  out[1] = last;
  return number(env, written);
}

/* (fd, base address, stride, capacity of one, max, Int32Array lengths out) -> count; read(2) until it would block */
static napi_value readFrames(napi_env env, napi_callback_info info) {
  arguments a = arguments_of(env, info);
  int fd = int_at(&a, 0), max = int_at(&a, 4), count = 0;
  uint8_t *base = pointer_at(&a, 1);
  size_t stride = (size_t)long_at(&a, 2), capacity = (size_t)long_at(&a, 3);
  int32_t *length = bytes_at(&a, 5, NULL);
  while (count < max) {
    ssize_t r = read(fd, base + (size_t)count * stride, capacity);
    if (r < 0) {
      if (errno == EINTR) continue;
      if (count == 0 && errno != EAGAIN) return result(env, -1);
      break;
    }
    length[count++] = (int32_t)r;
  }
  return number(env, count);
}

/* (fd, base address, stride, capacity of one, count, Int32Array lengths out) -> received; recvmmsg(2), as many as wait */
static napi_value receiveFrames(napi_env env, napi_callback_info info) {
  arguments a = arguments_of(env, info);
  int fd = int_at(&a, 0), count = int_at(&a, 4);
  uint8_t *base = pointer_at(&a, 1);
  size_t stride = (size_t)long_at(&a, 2), capacity = (size_t)long_at(&a, 3);
  int32_t *length = bytes_at(&a, 5, NULL);
  struct mmsghdr messages[RECEIVED];
  struct iovec vectors[RECEIVED];
  if (count > RECEIVED) count = RECEIVED;
  memset(messages, 0, sizeof messages[0] * (size_t)count);
  for (int i = 0; i < count; i++) {
    vectors[i].iov_base = base + (size_t)i * stride;
    vectors[i].iov_len = capacity;
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  int received = 0;
  /* An interface that went down is reported once, before what waits. */
  for (int tries = 0; received < count && tries < 2; tries++) {
    int r = recvmmsg(fd, messages + received, (unsigned)(count - received), MSG_DONTWAIT, NULL);
    if (r > 0) received += r;
  }
  for (int i = 0; i < received; i++) length[i] = messages[i].msg_hdr.msg_flags & MSG_TRUNC ? -1 : (int32_t)messages[i].msg_len;
  return number(env, received);
}

/* (fd): sendto(2) of nothing, which tells an AF_XDP socket to work on its transmit ring */
static napi_value kick(napi_env env, napi_callback_info info) {
  arguments a = arguments_of(env, info);
  return result(env, sendto(int_at(&a, 0), NULL, 0, MSG_DONTWAIT, NULL, 0));
}

void define_frames(napi_env env, napi_value exports) {
  define(env, exports, "sendFrames", sendFrames);
  define(env, exports, "writeFrames", writeFrames);
  define(env, exports, "readFrames", readFrames);
  define(env, exports, "receiveFrames", receiveFrames);
  define(env, exports, "kick", kick);
}
