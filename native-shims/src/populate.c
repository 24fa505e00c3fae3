/*
 * A thread that has memory made resident before somebody else touches it. The system clears a page when it is first touched, and whoever touches it waits;
 * here that is this thread. It is asked through a pipe by pairs of doubles (address, length) and ends when the pipe's other end is closed.
 *
 * MADV_POPULATE_WRITE (Linux 5.14) changes no byte, and fails harmlessly where nothing is mapped any more. Where the system refuses it all is as without it.
 */
#include "shim.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* One huge page at a time: each call holds the lock that whoever maps memory meanwhile waits for. */
#define PIECE ((uintptr_t)2 << 20)
#define STACK_BYTES (64 << 10)

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
  int fd = (int)(intptr_t)argument;
  double request[2];
  for (;;) {
    ssize_t n = read(fd, request, sizeof request);
    if (n < 0 && errno == EINTR) continue;
    if (n != sizeof request) break;
    populate((uintptr_t)request[0], (uintptr_t)request[0] + (uintptr_t)request[1]);
  }
  close(fd);
  return NULL;
}

static napi_value startPopulator(napi_env env, napi_callback_info info) { /* () -> the pipe's writing end, which never blocks; fewer than PIPE_BUF bytes are written at once or not at all */
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

void define_populate(napi_env env, napi_value exports) {
  define(env, exports, "startPopulator", startPopulator);
}
