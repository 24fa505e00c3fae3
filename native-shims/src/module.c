/* Module entry, and the argument and result conversions that all calls share. */
#include "shim.h"

arguments arguments_of(napi_env env, napi_callback_info info) {
  arguments a = { .env = env, .count = MAX_ARGS };
  napi_get_cb_info(env, info, &a.count, a.value, NULL, NULL);
  return a;
}

int32_t int_at(const arguments *a, size_t i) {
  int32_t v = 0;
  napi_get_value_int32(a->env, a->value[i], &v);
  return v;
}

int64_t long_at(const arguments *a, size_t i) {
  int64_t v = 0;
  napi_get_value_int64(a->env, a->value[i], &v);
  return v;
}

double double_at(const arguments *a, size_t i) {
  double v = 0;
  napi_get_value_double(a->env, a->value[i], &v);
  return v;
}

void *bytes_at(const arguments *a, size_t i, size_t *length) {
  static const uint8_t width[] = { 1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8 };
  napi_typedarray_type type;
  void *data = NULL;
  bool typed = false;
  size_t elements = 0;
  if (length) *length = 0;
  if (i >= a->count || napi_is_typedarray(a->env, a->value[i], &typed) != napi_ok || !typed) return NULL;
  napi_get_typedarray_info(a->env, a->value[i], &type, &elements, &data, NULL, NULL);
  if (length) *length = elements * width[type];
  return data;
}

napi_value number(napi_env env, double value) {
  napi_value v;
  napi_create_double(env, value, &v);
  return v;
}

void define(napi_env env, napi_value exports, const char *name, napi_callback callback) {
  napi_value f;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &f);
  napi_set_named_property(env, exports, name, f);
}

NAPI_MODULE_INIT() {
  define_files(env, exports);
  define_sockets(env, exports);
  define_frames(env, exports);
  define_memory(env, exports);
  define_populate(env, exports);
  define_system(env, exports);
  define_watch(env, exports);
  return exports;
}
