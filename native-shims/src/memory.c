/* Memory outside V8: mappings, and views of them as ArrayBuffers. V8 never frees them; the caller unmaps. */
#include "shim.h"
#include <sys/mman.h>

static napi_value mmap_(napi_env env, napi_callback_info info) { /* (fd | -1, length, huge, offset, extra) -> address; -1 = anonymous; `extra` anonymous bytes right behind a descriptor's, in huge pages */
  arguments a = arguments_of(env, info);
  int fd = int_at(&a, 0), huge = int_at(&a, 2);
  size_t length = (size_t)long_at(&a, 1);
  off_t offset = (off_t)long_at(&a, 3);
  int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;
  size_t extra = (size_t)long_at(&a, 4);
  void *at = NULL;
  if (extra > 0) {
    at = mmap(NULL, length + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return result(env, -1);
    madvise(at, length + extra, MADV_HUGEPAGE);
    flags |= MAP_FIXED;
  }
  void *whole = at;
  at = mmap(at, length, PROT_READ | PROT_WRITE, flags, fd, offset);
  if (at == MAP_FAILED) {
    int error = errno;
    if (whole != NULL) munmap(whole, length + extra);
    return number(env, -error);
  }
  if (huge) madvise(at, length, MADV_HUGEPAGE);
  return number(env, (double)(uintptr_t)at);
}

static napi_value munmap_(napi_env env, napi_callback_info info) { /* (address, length) */
  arguments a = arguments_of(env, info);
  return result(env, munmap(pointer_at(&a, 0), (size_t)long_at(&a, 1)));
}

static napi_value arrayBufferAt(napi_env env, napi_callback_info info) { /* (address, length) -> ArrayBuffer */
  arguments a = arguments_of(env, info);
  napi_value buffer = NULL;
  if (napi_create_external_arraybuffer(env, pointer_at(&a, 0), (size_t)long_at(&a, 1), NULL, NULL, &buffer) != napi_ok)
    napi_throw_error(env, NULL, "this JavaScript engine does not allow ArrayBuffers over foreign memory");
  return buffer;
}

static napi_value addressOf(napi_env env, napi_callback_info info) { /* (typed array) -> address */
  arguments a = arguments_of(env, info);
  return number(env, (double)(uintptr_t)bytes_at(&a, 0, NULL));
}

void define_memory(napi_env env, napi_value exports) {
  define(env, exports, "mmap", mmap_);
  define(env, exports, "munmap", munmap_);
  define(env, exports, "arrayBufferAt", arrayBufferAt);
  define(env, exports, "addressOf", addressOf);
}
