/*
 * "Tell me when this descriptor is readable", for descriptors that Node's own streams refuse (netlink). One sleeping thread each:
 *
 *   thread:  poll(fd, wake) --readable--> threadsafe call --> poll(wake only)
 *   loop:                                 callback runs  ---> wake: armed again
 *
 * So nothing runs while nothing happens, and a callback that reads late is not called twice.
 */
#include "shim.h"
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct {
  int fd, wake;
  atomic_int stop;
  pthread_t thread;
  napi_threadsafe_function call;
} watcher;

static void wake(watcher *w) {
  uint64_t one = 1;
  if (write(w->wake, &one, sizeof one) < 0) return; /* full: it is awake already */
}

static void *run(void *context) {
  watcher *w = context;
  int armed = 1;
  while (!atomic_load(&w->stop)) {
    struct pollfd p[2] = { { .fd = w->wake, .events = POLLIN }, { .fd = w->fd, .events = POLLIN } };
    if (poll(p, armed ? 2 : 1, -1) < 0) continue;
    if (p[0].revents) {
      uint64_t times;
      if (read(w->wake, &times, sizeof times) > 0) armed = 1;
    } else if (armed && p[1].revents) {
      armed = 0;
      napi_call_threadsafe_function(w->call, NULL, napi_tsfn_nonblocking);
    }
  }
  return NULL;
}

static void on_loop(napi_env env, napi_value callback, void *context, void *data) {
  (void)data;
  if (!env) return;
  napi_value undefined;
  napi_get_undefined(env, &undefined);
  napi_call_function(env, undefined, callback, 0, NULL, NULL);
  watcher *w = context;
  if (!atomic_load(&w->stop)) wake(w); /* NB: the callback may have ended the watch */
}

/* From unwatchReadable, or when the environment goes away with the watch still on. */
static void end(void *data) {
  watcher *w = data;
  atomic_store(&w->stop, 1);
  wake(w);
  pthread_join(w->thread, NULL);
  close(w->wake);
}

/* The threadsafe function is gone, nobody holds the watcher any more. */
static void release(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

static napi_value watchReadable(napi_env env, napi_callback_info info) { /* (fd, callback) -> handle | -errno */
  arguments a = arguments_of(env, info);
  napi_value name, handle;
  watcher *w = calloc(1, sizeof *w);
  if (!w) return number(env, -ENOMEM);
  w->fd = int_at(&a, 0);
  w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (w->wake < 0) {
    free(w);
    return result(env, -1);
  }
  napi_create_string_utf8(env, "tsipvs watch", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env, a.value[1], NULL, name, 0, 1, w, release, w, on_loop, &w->call) != napi_ok) {
    close(w->wake);
    free(w);
    return number(env, -EINVAL);
  }
  napi_unref_threadsafe_function(env, w->call);
  if (pthread_create(&w->thread, NULL, run, w) != 0) {
    close(w->wake);
    napi_release_threadsafe_function(w->call, napi_tsfn_abort);
    return number(env, -EAGAIN);
  }
  napi_add_env_cleanup_hook(env, end, w);
  napi_create_external(env, w, NULL, NULL, &handle);
  return handle;
}

static napi_value unwatchReadable(napi_env env, napi_callback_info info) { /* (handle), once */
  arguments a = arguments_of(env, info);
  void *w = NULL;
  napi_get_value_external(env, a.value[0], &w);
  napi_remove_env_cleanup_hook(env, end, w);
  end(w);
  napi_release_threadsafe_function(((watcher *)w)->call, napi_tsfn_abort);
  return number(env, 0);
}

void define_watch(napi_env env, napi_value exports) {
  define(env, exports, "watchReadable", watchReadable);
  define(env, exports, "unwatchReadable", unwatchReadable);
}
