/* Sockets of any family; socket addresses are built by the caller as bytes. */
#include "shim.h"
#include <sys/socket.h>

static napi_value socket_(napi_env env, napi_callback_info info) { /* (domain, type, protocol) */
  arguments a = arguments_of(env, info);
  return result(env, socket(int_at(&a, 0), int_at(&a, 1) | SOCK_CLOEXEC, int_at(&a, 2)));
}

static napi_value bind_(napi_env env, napi_callback_info info) { /* (fd, sockaddr) */
  arguments a = arguments_of(env, info);
  size_t length;
  void *address = bytes_at(&a, 1, &length);
  return result(env, bind(int_at(&a, 0), address, (socklen_t)length));
}

static napi_value connect_(napi_env env, napi_callback_info info) { /* (fd, sockaddr) */
  arguments a = arguments_of(env, info);
  size_t length;
  void *address = bytes_at(&a, 1, &length);
  return result(env, connect(int_at(&a, 0), address, (socklen_t)length));
}

static napi_value getsockname_(napi_env env, napi_callback_info info) { /* (fd, sockaddr out) -> length */
  arguments a = arguments_of(env, info);
  size_t capacity;
  void *address = bytes_at(&a, 1, &capacity);
  socklen_t length = (socklen_t)capacity;
  return getsockname(int_at(&a, 0), address, &length) < 0 ? result(env, -1) : number(env, length);
}

static napi_value setsockopt_(napi_env env, napi_callback_info info) { /* (fd, level, name, bytes) */
  arguments a = arguments_of(env, info);
  size_t length;
  void *data = bytes_at(&a, 3, &length);
  return result(env, setsockopt(int_at(&a, 0), int_at(&a, 1), int_at(&a, 2), data, (socklen_t)length));
}

static napi_value getsockopt_(napi_env env, napi_callback_info info) { /* (fd, level, name, bytes out) -> length */
  arguments a = arguments_of(env, info);
  size_t capacity;
  void *data = bytes_at(&a, 3, &capacity);
  socklen_t length = (socklen_t)capacity;
  return getsockopt(int_at(&a, 0), int_at(&a, 1), int_at(&a, 2), data, &length) < 0 ? result(env, -1) : number(env, length);
}

static napi_value sendto_(napi_env env, napi_callback_info info) { /* (fd, bytes, flags, sockaddr | null) */
  arguments a = arguments_of(env, info);
  size_t length, addressLength;
  void *data = bytes_at(&a, 1, &length);
  void *address = bytes_at(&a, 3, &addressLength);
  return result(env, sendto(int_at(&a, 0), data, length, int_at(&a, 2) | MSG_NOSIGNAL, address, (socklen_t)addressLength));
}

static napi_value recvfrom_(napi_env env, napi_callback_info info) { /* (fd, bytes, flags, sockaddr out | null) */
  arguments a = arguments_of(env, info);
  size_t length, capacity;
  void *data = bytes_at(&a, 1, &length);
  void *address = bytes_at(&a, 3, &capacity);
  socklen_t addressLength = (socklen_t)capacity;
  return result(env, recvfrom(int_at(&a, 0), data, length, int_at(&a, 2), address, address ? &addressLength : NULL));
}

void define_sockets(napi_env env, napi_value exports) {
  define(env, exports, "socket", socket_);
  define(env, exports, "bind", bind_);
  define(env, exports, "connect", connect_);
  define(env, exports, "getsockname", getsockname_);
  define(env, exports, "setsockopt", setsockopt_);
  define(env, exports, "getsockopt", getsockopt_);
  define(env, exports, "sendto", sendto_);
  define(env, exports, "recvfrom", recvfrom_);
}
