/*
 * A thread that has memory made resident before somebody else touches it, and gives it back. The system clears a page when it is first touched, and whoever touches
 * it waits; here that is this thread. Requests come through a pipe, told of by an eventfd; it ends when the pipe's other end is closed.
 *
 * MADV_POPULATE_WRITE (Linux 5.14) changes no byte, and fails harmlessly where nothing is mapped any more. Where the system refuses it all is as without it.
 *
 * NB: it must not take time from whom it works for. A write to a pipe wakes a reader up on the writer's own processor, as though the writer were about to sleep,
 * so the pipe is not what it waits for; and it keeps off the processor it was last asked from, where there is another.
 */
#include "shim.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* One huge page at a time: each call holds the lock that whoever maps memory meanwhile waits for. */
#define PIECE ((uintptr_t)2 << 20)
#define STACK_BYTES (64 << 10)

/* Smaller than PIPE_BUF: written at once or not at all. */
typedef struct {
  uintptr_t address, length;
  int release, processor;
} request;

typedef struct {
  int requests, wake;
} ends;

static void keep_off(const cpu_set_t *allowed, int processor) {
  cpu_set_t others = *allowed;
  if (processor >= 0 && processor < CPU_SETSIZE) CPU_CLR(processor, &others);
  if (CPU_COUNT(&others) > 0) sched_setaffinity(0, sizeof others, &others);
}

static void populate(uintptr_t begin, uintptr_t end) {
  begin -= begin % (uintptr_t)sysconf(_SC_PAGESIZE);
  while (begin < end) {
    uintptr_t piece_end = begin - begin % PIECE + PIECE;
    if (piece_end > end) piece_end = end;
    if (madvise((void *)begin, piece_end - begin, MADV_POPULATE_WRITE) < 0) return;
    begin = piece_end;
  }
}

static void *run(void *argument) {
  ends e = *(ends *)argument;
  free(argument);
  struct sched_param none = { 0 };
  cpu_set_t allowed;
  int asked_from = -1;
  bool may_move = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
  sched_setscheduler(0, SCHED_BATCH, &none);
  for (;;) {
    request r;
    ssize_t n = read(e.requests, &r, sizeof r);
    if (n < 0 && errno == EAGAIN) {
      eventfd_t count;
      eventfd_read(e.wake, &count);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n != sizeof r) break;
    if (may_move && r.processor != asked_from) keep_off(&allowed, asked_from = r.processor);
    if (r.release) munmap((void *)r.address, r.length);
    else populate(r.address, r.address + r.length);
  }
  close(e.requests);
  close(e.wake);
  return NULL;
}

static napi_value startPopulator(napi_env env, napi_callback_info info) { /* (out: [pipe, eventfd]) -> 0 | -errno */
  arguments a = arguments_of(env, info);
  int32_t *out = bytes_at(&a, 0, NULL);
  int fds[2];
  pthread_t thread;
  pthread_attr_t attributes;
  sigset_t all, before;
  ends *e = malloc(sizeof *e);
  if (!e) return number(env, -ENOMEM);
  if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
    free(e);
    return result(env, -1);
  }
  e->requests = fds[0];
  out[0] = fds[1];
  out[1] = e->wake = eventfd(0, EFD_CLOEXEC);
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  /* Signals are for Node's own threads. */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = e->wake < 0 ? errno : pthread_create(&thread, &attributes, run, e);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (error == 0) return number(env, 0);
  close(fds[0]);
  close(fds[1]);
  if (out[1] >= 0) close(out[1]);
  free(e);
  return number(env, -error);
}

static napi_value ask(napi_env env, const arguments *a, uintptr_t address, size_t length, int release) {
  request r = { address, length, release, sched_getcpu() };
  long n = write(int_at(a, 0), &r, sizeof r);
  if (n == sizeof r) eventfd_write(int_at(a, 1), 1);
  return result(env, n);
}

static napi_value populateSoon(napi_env env, napi_callback_info info) { /* (pipe, eventfd, typed array, offset in bytes, bytes); does not wait */
  arguments a = arguments_of(env, info);
  return ask(env, &a, (uintptr_t)bytes_at(&a, 2, NULL) + (uintptr_t)long_at(&a, 3), (size_t)long_at(&a, 4), 0);
}

static napi_value munmapSoon(napi_env env, napi_callback_info info) { /* (pipe, eventfd, address, length): as munmap(), but does not wait */
  arguments a = arguments_of(env, info);
  return ask(env, &a, (uintptr_t)pointer_at(&a, 2), (size_t)long_at(&a, 3), 1);
}

void define_populate(napi_env env, napi_value exports) {
  define(env, exports, "startPopulator", startPopulator);
  define(env, exports, "populateSoon", populateSoon);
  define(env, exports, "munmapSoon", munmapSoon);
}
