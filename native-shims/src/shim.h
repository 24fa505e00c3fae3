/*
 * The native part of tsipvs: system calls that Node has no door to, and nothing else. No policy, no state, no validation:
 * native-shims/index.ts is the only caller and checks every argument. Calls return a result >= 0 or -errno. Addresses travel as
 * doubles (user addresses are below 2^47). Context-aware: every worker thread may load it.
 */
#ifndef TSIPVS_SHIM_H
#define TSIPVS_SHIM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define NAPI_VERSION 8
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <node_api.h>

#define MAX_ARGS 8

/* The arguments of one call, fetched once. */
typedef struct {
  napi_env env;
  size_t count;
  napi_value value[MAX_ARGS];
} arguments;

arguments arguments_of(napi_env env, napi_callback_info info);
int32_t int_at(const arguments *a, size_t i);
int64_t long_at(const arguments *a, size_t i);
double double_at(const arguments *a, size_t i);
static inline void *pointer_at(const arguments *a, size_t i) { return (void *)(uintptr_t)double_at(a, i); }
/* Bytes of a typed array, or NULL for anything else (then *length is 0). */
void *bytes_at(const arguments *a, size_t i, size_t *length);

napi_value number(napi_env env, double value);
/* A system call's result: -errno instead of -1. */
static inline napi_value result(napi_env env, long value) { return number(env, value < 0 ? (double)-errno : (double)value); }

void define(napi_env env, napi_value exports, const char *name, napi_callback callback);

void define_files(napi_env env, napi_value exports);
void define_sockets(napi_env env, napi_value exports);
void define_frames(napi_env env, napi_value exports);
void define_memory(napi_env env, napi_value exports);
void define_populate(napi_env env, napi_value exports);
void define_system(napi_env env, napi_value exports);
void define_watch(napi_env env, napi_value exports);

#endif
