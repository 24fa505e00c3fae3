/*
 * In-kernel UDP packet generator: runs a small XDP program over "live frames" (BPF_PROG_TEST_RUN), each of which leaves
 * through INTERFACE with a source port of its own, 60 bytes a frame. Faster than any user-space sender, so that the forwarder is
 * what is measured. The peer of INTERFACE must have GRO on (or an XDP program), else a veth refuses such frames.
 *
 * usage: generator INTERFACE DST_MAC SRC_MAC SRC_IP DST_IP DST_PORT FLOWS SECONDS
 * The kernel sleeps between calls, so one call sends 4M frames (fewer would measure the pauses); a signal ends it at once.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FRAME 60
#define INSN(c, d, s, o, i) ((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }

static int parse_mac(const char *s, uint8_t *m) {
    return sscanf(s, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", m, m + 1, m + 2, m + 3, m + 4, m + 5) == 6;
}

int main(int argc, char **argv) {
    uint8_t f[FRAME] = {0};
    if (argc != 9 || !parse_mac(argv[2], f) || !parse_mac(argv[3], f + 6)) {
        fprintf(stderr, "usage: generator INTERFACE DST_MAC SRC_MAC SRC_IP DST_IP DST_PORT FLOWS SECONDS\n");
        return 2;
    }
    unsigned ifindex = if_nametoindex(argv[1]);
    if (!ifindex) { fprintf(stderr, "generator: no interface %s\n", argv[1]); return 1; }
    int flows = atoi(argv[7]);
    if (flows < 1 || flows > 64000) { fprintf(stderr, "generator: 1 to 64000 flows\n"); return 2; }
    double seconds = atof(argv[8]);
    if (seconds > 60) seconds = 60;

    f[12] = 8; f[14] = 0x45; f[17] = FRAME - 14; f[20] = 0x40; f[22] = 64; f[23] = 17;
    inet_pton(AF_INET, argv[4], f + 26); inet_pton(AF_INET, argv[5], f + 30);
    uint32_t sum = 0;
    for (int i = 14; i < 34; i += 2) sum += f[i] << 8 | f[i + 1];
    sum = (sum & 0xffff) + (sum >> 16); sum = ~(sum + (sum >> 16)) & 0xffff;
    f[24] = sum >> 8; f[25] = sum;
    uint16_t port = htons(atoi(argv[6])), len = htons(FRAME - 34);
    memcpy(f + 36, &port, 2); memcpy(f + 38, &len, 2);
    /* The UDP checksum without the source port, which the program adds: pseudo-header, header, data of zeros. */
    uint32_t partial = 17 + (FRAME - 34);
    for (int i = 26; i < 42; i += 2) partial += f[i] << 8 | f[i + 1];

    /* The pages are used again as the forwarder left them, so every header byte is written anew for every frame. */
    struct bpf_insn prog[48], *p = prog;
    *p++ = INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0);
    *p++ = INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_prandom_u32);
    *p++ = INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 6, 0, 0);         /* data */
    *p++ = INSN(BPF_LDX | BPF_MEM | BPF_W, 3, 6, 4, 0);         /* data_end */
    *p++ = INSN(BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0);
    *p++ = INSN(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, 44);
    *p++ = INSN(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 28, 0);
    for (int i = 0; i < 44; i += 4) {
        int32_t word;
        memcpy(&word, f + i, 4);
        *p++ = INSN(BPF_ST | BPF_MEM | BPF_W, 2, 0, i, word);
    }
    *p++ = INSN(BPF_ALU | BPF_MOD | BPF_K, 0, 0, 0, flows);     /* at most 64000: ports from 1024 on */
    *p++ = INSN(BPF_ALU64 | BPF_ADD | BPF_K, 0, 0, 0, 1024);
    *p++ = INSN(BPF_ALU64 | BPF_MOV | BPF_X, 5, 0, 0, 0);
    *p++ = INSN(BPF_ALU64 | BPF_ADD | BPF_K, 5, 0, 0, partial);
    for (int fold = 0; fold < 2; fold++) {
        *p++ = INSN(BPF_ALU64 | BPF_MOV | BPF_X, 4, 5, 0, 0);
        *p++ = INSN(BPF_ALU64 | BPF_RSH | BPF_K, 4, 0, 0, 16);
        *p++ = INSN(BPF_ALU64 | BPF_AND | BPF_K, 5, 0, 0, 0xffff);
        *p++ = INSN(BPF_ALU64 | BPF_ADD | BPF_X, 5, 4, 0, 0);
    }
    *p++ = INSN(BPF_ALU64 | BPF_XOR | BPF_K, 5, 0, 0, 0xffff);
    *p++ = INSN(BPF_ALU | BPF_END | BPF_TO_BE, 5, 0, 0, 16);
    *p++ = INSN(BPF_STX | BPF_MEM | BPF_H, 2, 5, 40, 0);
    *p++ = INSN(BPF_ALU | BPF_END | BPF_TO_BE, 0, 0, 0, 16);
    *p++ = INSN(BPF_STX | BPF_MEM | BPF_H, 2, 0, 34, 0);
    *p++ = INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_TX);
    *p++ = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    char log[4096] = "";
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_XDP, .insn_cnt = p - prog, .insns = (uint64_t)prog,
                           .license = (uint64_t)"GPL", .log_buf = (uint64_t)log, .log_size = sizeof log, .log_level = 1};
    int fd = syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
    if (fd < 0) { fprintf(stderr, "generator: cannot load the program: %s\n%s", strerror(errno), log); return 1; }

    struct xdp_md ctx = {.data_end = FRAME, .ingress_ifindex = ifindex};
    union bpf_attr run = {.test = {.prog_fd = fd, .data_in = (uint64_t)f, .data_size_in = FRAME, .ctx_in = (uint64_t)&ctx, .ctx_size_in = sizeof ctx,
                                   .repeat = 1 << 22, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = 64}};
    double end = now() + seconds;
    while (now() < end) if (syscall(SYS_bpf, BPF_PROG_TEST_RUN, &run, sizeof run) < 0 && errno != EINTR) { perror("generator"); return 1; }
    return 0;
}
