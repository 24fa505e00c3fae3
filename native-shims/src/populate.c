/*
 * A thread that has memory made resident before somebody else touches it. The system clears a page when it is first touched, and whoever touches it waits;
 * here that is this thread. It is asked through a pipe and ends when the pipe's other end is closed.
 *
 * MADV_POPULATE_WRITE (Linux 5.14) changes no byte, and fails harmlessly where nothing is mapped any more. Where the system refuses it all is as without it.
 *
 * NB: a write to a pipe wakes the reader up on the writer's own processor, as though the writer were about to sleep. One that does not sleep would then wait for
 * its turn all the same. So this thread keeps off the processor it was last asked from, where there is another, and takes little of the one it is on.
 */
#include "shim.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* One huge page at a time: each call holds the lock that whoever maps memory meanwhile waits for. */
#define PIECE ((uintptr_t)2 << 20)
#define STACK_BYTES (64 << 10)
#define NICE 10

/* Smaller than PIPE_BUF: written at once or not at all. */
typedef struct {
  uintptr_t address, length;
  int processor;
} request;

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
  int fd = (int)(intptr_t)argument, asked_from = -1;
  struct sched_param none = { 0 };
  cpu_set_t allowed;
  request r;
  bool may_move = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
  sched_setscheduler(0, SCHED_BATCH, &none);
  setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
  for (;;) {
    ssize_t n = read(fd, &r, sizeof r);
    if (n < 0 && errno == EINTR) continue;
    if (n != sizeof r) break;
    if (may_move && r.processor != asked_from) keep_off(&allowed, asked_from = r.processor);
    populate(r.address, r.address + r.length);
  }
  close(fd);
  return NULL;
}

static napi_value startPopulator(napi_env env, napi_callback_info info) { /* () -> the pipe's writing end */
  (void)info;
  int fds[2];
  pthread_t thread;
  pthread_attr_t attributes;
  sigset_t all, before;
  if (pipe2(fds, O_CLOEXEC) < 0) return result(env, -1);
  fcntl(fds[1], F_SETFL, O_NONBLOCK);
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  /* Signals are for Node's own threads. */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&thread, &attributes, run, (void *)(intptr_t)fds[0]);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (error == 0) return number(env, fds[1]);
  close(fds[0]);
  close(fds[1]);
  return number(env, -error);
}

static napi_value populateSoon(napi_env env, napi_callback_info info) { /* (pipe, typed array, offset in bytes, bytes); does not wait */
  arguments a = arguments_of(env, info);
  request r = { (uintptr_t)bytes_at(&a, 1, NULL) + (uintptr_t)long_at(&a, 2), (uintptr_t)long_at(&a, 3), sched_getcpu() };
  return result(env, write(int_at(&a, 0), &r, sizeof r));
}

void define_populate(napi_env env, napi_value exports) {
  define(env, exports, "startPopulator", startPopulator);
  define(env, exports, "populateSoon", populateSoon);
}
