/* Interfaces, namespaces, groups, processors, clocks, bpf(2). */
#include "shim.h"
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static napi_value ifNameToIndex(napi_env env, napi_callback_info info) { /* (name\0) -> ifindex */
  arguments a = arguments_of(env, info);
  unsigned index = if_nametoindex(bytes_at(&a, 0, NULL));
  return index ? number(env, index) : result(env, -1);
}

static napi_value setns_(napi_env env, napi_callback_info info) { /* (path\0, type): this thread only */
  arguments a = arguments_of(env, info);
  int fd = open(bytes_at(&a, 0, NULL), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return result(env, -1);
  int r = setns(fd, int_at(&a, 1)), error = errno;
  close(fd);
  errno = error;
  return result(env, r);
}

static napi_value unshare_(napi_env env, napi_callback_info info) { /* (flags): this thread only */
  arguments a = arguments_of(env, info);
  return result(env, unshare(int_at(&a, 0)));
}

static napi_value groupId(napi_env env, napi_callback_info info) { /* (name\0) -> gid */
  arguments a = arguments_of(env, info);
  char space[16384];
  struct group group, *found = NULL;
  int error = getgrnam_r(bytes_at(&a, 0, NULL), &group, space, sizeof space, &found);
  if (!found) return number(env, error ? -error : -ENOENT);
  return number(env, found->gr_gid);
}

static napi_value setAffinity(napi_env env, napi_callback_info info) { /* (cpu): this thread only */
  arguments a = arguments_of(env, info);
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((unsigned)int_at(&a, 0), &set);
  return result(env, sched_setaffinity(0, sizeof set, &set));
}

static napi_value clockMs(napi_env env, napi_callback_info info) { /* (clock id) -> ms */
  arguments a = arguments_of(env, info);
  struct timespec t;
  if (clock_gettime(int_at(&a, 0), &t) < 0) return result(env, -1);
  return number(env, (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6);
}

static napi_value bpf_(napi_env env, napi_callback_info info) { /* (command, attr) */
  arguments a = arguments_of(env, info);
  size_t length;
  void *attr = bytes_at(&a, 1, &length);
  return result(env, syscall(SYS_bpf, int_at(&a, 0), attr, length));
}

void define_system(napi_env env, napi_value exports) {
  define(env, exports, "ifNameToIndex", ifNameToIndex);
  define(env, exports, "setns", setns_);
  define(env, exports, "unshare", unshare_);
  define(env, exports, "groupId", groupId);
  define(env, exports, "setAffinity", setAffinity);
  define(env, exports, "clockMs", clockMs);
  define(env, exports, "bpf", bpf_);
}
