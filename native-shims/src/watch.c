/*
 * "Tell me when this descriptor is readable", for descriptors that Node's own streams refuse (netlink, epoll, packet sockets): a poll handle
 * in Node's own event loop, so that nothing runs while nothing happens, and being told costs no other thread.
 *
 * The headers that come with Node-API do not declare libuv. What is used of it is declared here: it is exported by every Node, and libuv
 * keeps its ABI within version 1, which all of them have. The handle's size is asked for at run time.
 */
#include "shim.h"
#include <stdlib.h>

enum { UV_ENUM_POLL = 8, READABLE = 1 };
struct uv_loop_s;
typedef void (*poll_callback)(void *handle, int status, int events);
extern size_t uv_handle_size(int type);
extern int uv_poll_init(struct uv_loop_s *loop, void *handle, int fd);
extern int uv_poll_start(void *handle, int events, poll_callback callback);
extern int uv_poll_stop(void *handle);
extern void uv_unref(void *handle);
extern void uv_close(void *handle, void (*closed)(void *handle));

typedef struct {
  napi_env env;
  napi_ref listener;
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
  int watching;
  void *handle[]; /* the poll handle; its first word is its user's */
} watcher;

static watcher *watcher_of(void *handle) { return *(void **)handle; }

static void on_readable(void *handle, int status, int events) {
  (void)events;
  watcher *w = watcher_of(handle);
  napi_handle_scope scope;
  napi_value listener, global;
  if (napi_open_handle_scope(w->env, &scope) != napi_ok) return;
  napi_get_reference_value(w->env, w->listener, &listener);
  napi_get_global(w->env, &global);
  napi_make_callback(w->env, w->context, global, listener, 0, NULL, NULL);
  bool pending = false;
  napi_is_exception_pending(w->env, &pending);
  if (pending) {
    napi_value error;
    napi_get_and_clear_last_exception(w->env, &error);
    napi_fatal_exception(w->env, error);
  }
  napi_close_handle_scope(w->env, scope);
  /* NB: an error of the descriptor (an overrun netlink socket's) ends the poll; the callback has read it by now. */
  if (status < 0 && w->watching) uv_poll_start(handle, READABLE, on_readable);
}

static void on_closed(void *handle) {
  watcher *w = watcher_of(handle);
  if (w->hook) napi_remove_async_cleanup_hook(w->hook);
  free(w);
}

static void end(watcher *w) {
  w->watching = 0;
  uv_poll_stop(w->handle);
  napi_delete_reference(w->env, w->listener);
  napi_async_destroy(w->env, w->context);
  uv_close(w->handle, on_closed);
}

/* The environment goes away with the watch still on. */
static void on_cleanup(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  watcher *w = data;
  if (w->watching) end(w);
}

static napi_value watchReadable(napi_env env, napi_callback_info info) { /* (fd, callback) -> handle | -errno */
  arguments a = arguments_of(env, info);
  struct uv_loop_s *loop;
  napi_value name, external;
  watcher *w = calloc(1, sizeof *w + uv_handle_size(UV_ENUM_POLL));
  if (!w) return number(env, -ENOMEM);
  w->env = env;
  int r = napi_get_uv_event_loop(env, &loop) == napi_ok ? uv_poll_init(loop, w->handle, int_at(&a, 0)) : -EINVAL;
  if (r < 0) {
    free(w);
    return number(env, r);
  }
  *(void **)w->handle = w;
  uv_unref(w->handle);
  napi_create_reference(env, a.value[1], 1, &w->listener);
  napi_create_string_utf8(env, "tsipvs watch", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, NULL, name, &w->context);
  napi_add_async_cleanup_hook(env, on_cleanup, w, &w->hook);
  w->watching = 1;
  uv_poll_start(w->handle, READABLE, on_readable);
  napi_create_external(env, w, NULL, NULL, &external);
  return external;
}

static napi_value unwatchReadable(napi_env env, napi_callback_info info) { /* (handle), once */
  arguments a = arguments_of(env, info);
  void *w = NULL;
  napi_get_value_external(env, a.value[0], &w);
  end(w);
  return number(env, 0);
}

void define_watch(napi_env env, napi_value exports) {
  define(env, exports, "watchReadable", watchReadable);
  define(env, exports, "unwatchReadable", unwatchReadable);
}
