/*
 * HTTP load from one thread: N connections, each asking again as soon as it was answered (closed loop), either over the same connection
 * or over a new one for each request. What happens in the first WARM_UP_MS does not count.
 *
 * usage: http-client keep|close HOST PORT CONNECTIONS WARM_UP_MS MS
 * Prints one line of JSON: requests per second, failures, and the latencies' percentiles in microseconds. A latency runs from the request (with
 * "close": from connect) to the whole answer (with "close": to the server's end).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_CONNECTIONS 1024
#define ANSWER_BYTES 51
#define SLOWEST_US 2000000

typedef struct { int fd; int got; double since; } connection;

static connection connections[MOST_CONNECTIONS];
static uint32_t histogram[SLOWEST_US + 1];
static struct sockaddr_in server;
static int poller, closing, counting;
static uint64_t requests, failures;
static char request[256];
static int request_bytes;

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e6 + t.tv_nsec / 1e3; }

static void ask(connection *c) {
    c->got = 0;
    if (!closing) c->since = now();
    if (send(c->fd, request, request_bytes, MSG_NOSIGNAL) != request_bytes && counting) failures++;
}

static void begin(connection *c) {
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) { perror("http-client"); exit(1); }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->since = now();
    c->got = -1;        /* not connected yet */
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) { perror("http-client: connect"); exit(1); }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
}

static void answered(connection *c) {
    if (!counting) return;
    double us = now() - c->since;
    histogram[us < SLOWEST_US ? (int)us : SLOWEST_US]++;
    requests++;
}

static void readable(connection *c) {
    char answer[512];
    for (;;) {
        ssize_t n = recv(c->fd, answer, sizeof answer, 0);
        if (n > 0) {
            c->got += n;
            if (closing || c->got < ANSWER_BYTES) continue;
            answered(c);
            ask(c);
            return;
        }
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (closing && n == 0 && c->got == ANSWER_BYTES) answered(c);
        else if (counting) failures++;
        close(c->fd);
        begin(c);
        return;
    }
}

static double percentile(double share) {
    uint64_t below = 0;
    for (int us = 0; us <= SLOWEST_US; us++) if ((below += histogram[us]) >= requests * share) return us + 0.5;
    return SLOWEST_US;
}

int main(int argc, char **argv) {
    if (argc != 7) { fprintf(stderr, "usage: http-client keep|close HOST PORT CONNECTIONS WARM_UP_MS MS\n"); return 2; }
    closing = !strcmp(argv[1], "close");
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(argv[3]))};
    inet_pton(AF_INET, argv[2], &server.sin_addr);
    int n = atoi(argv[4]);
    if (n < 1 || n > MOST_CONNECTIONS) { fprintf(stderr, "http-client: 1 to %d connections\n", MOST_CONNECTIONS); return 2; }
    request_bytes = sprintf(request, "GET / HTTP/1.1\r\nHost: bench\r\nConnection: %s\r\n\r\n", closing ? "close" : "keep-alive");
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < n; i++) begin(&connections[i]);
    double from = now() + atof(argv[5]) * 1e3, until = from + atof(argv[6]) * 1e3, at;
    struct epoll_event events[MOST_CONNECTIONS];
    while ((at = now()) < until) {
        if (!counting && at >= from) { counting = 1; from = at; }
        int ready = epoll_wait(poller, events, MOST_CONNECTIONS, 100);
        for (int i = 0; i < ready; i++) {
            connection *c = events[i].data.ptr;
            if (c->got < 0 && events[i].events & EPOLLOUT && !(events[i].events & (EPOLLERR | EPOLLHUP))) ask(c);
            if (events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) readable(c);
        }
    }
    printf("{\"perSecond\":%.1f,\"failures\":%llu,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f}\n", requests / ((now() - from) / 1e6),
           (unsigned long long)failures, percentile(0.5), percentile(0.99), percentile(0.999));
    return 0;
}
