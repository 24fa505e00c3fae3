/*
 * The real server of the HTTP loads: one thread, epoll, one fixed answer of 12 bytes to each request. As little work as a server can do,
 * so that the director is what is measured. A request ends with an empty line; one that says "close" has its connection closed.
 *
 * usage: http-server PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello world\n"

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);     /* inherited by what is accepted */
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 65535)) { perror("http-server"); exit(1); }
    return fd;
}

/* A request is taken as one segment, which those of our clients are. */
static void answer(int fd) {
    char request[4096];
    ssize_t n = recv(fd, request, sizeof request, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) { close(fd); return; }
    int last = memmem(request, n, "close", 5) != NULL;
    if (send(fd, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL) < 0 || last) close(fd);
}

int main(int argc, char **argv) {
    if (argc != 2) { fprintf(stderr, "usage: http-server PORT\n"); return 2; }
    int listener = listen_on(atoi(argv[1])), poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd != listener) { answer(events[i].data.fd); continue; }
            for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0; ) {
                event = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
                epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
            }
        }
    }
}
