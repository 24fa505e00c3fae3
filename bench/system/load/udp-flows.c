/*
 * Makes connections: one UDP datagram from each of N clients that do not exist (198.18.0.0/15, which RFC 2544 sets aside for benches; 60,000 ports
 * an address), at a pace that no receive ring overflows under.
 *
 * usage: udp-flows DST_IP DST_PORT FLOWS PER_SECOND
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64
#define PORTS 60000
#define FIRST_PORT 2000
#define FIRST_SOURCE 0xc6120001u

typedef struct { struct iphdr ip; struct udphdr udp; char data[8]; } __attribute__((packed)) datagram;

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }

int main(int argc, char **argv) {
    if (argc != 5) { fprintf(stderr, "usage: udp-flows DST_IP DST_PORT FLOWS PER_SECOND\n"); return 2; }
    struct sockaddr_in to = {.sin_family = AF_INET};
    inet_pton(AF_INET, argv[1], &to.sin_addr);
    int port = atoi(argv[2]), flows = atoi(argv[3]);
    double rate = atof(argv[4]);
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    if (fd < 0) { perror("udp-flows"); return 1; }
    datagram frames[BATCH];
    struct iovec vectors[BATCH];
    struct mmsghdr messages[BATCH];
    memset(frames, 0, sizeof frames);
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++) {
        frames[i].ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .daddr = to.sin_addr.s_addr, .tot_len = htons(sizeof *frames)};
        frames[i].udp.dest = htons(port);
        frames[i].udp.len = htons(sizeof *frames - sizeof frames->ip);
        vectors[i] = (struct iovec){.iov_base = &frames[i], .iov_len = sizeof *frames};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    double began = now();
    for (int sent = 0; sent < flows; ) {
        int n = flows - sent < BATCH ? flows - sent : BATCH;
        for (int i = 0; i < n; i++) {
            frames[i].ip.saddr = htonl(FIRST_SOURCE + (sent + i) / PORTS);
            frames[i].udp.source = htons(FIRST_PORT + (sent + i) % PORTS);
        }
        int r = sendmmsg(fd, messages, n, 0);
        if (r < 0) { perror("udp-flows"); return 1; }
        sent += r;
        double ahead = sent / rate - (now() - began);
        if (ahead > 0) nanosleep(&(struct timespec){.tv_nsec = (long)(ahead * 1e9) % 1000000000}, NULL);
    }
    return 0;
}
