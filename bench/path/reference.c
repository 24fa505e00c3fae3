/*
 * The C reference for bench/path: the least a director must do per packet, written as a C programmer would write it for speed.
 *
 * Per packet: check Ethernet type, IP version and header length, fragment bits, TTL, protocol; look the connection up (always a
 * hit) in an open-addressing table of 64-byte entries at load <= 0.5; count packets, bytes and last-seen time; TTL - 1, incremental IP and
 * L4 checksums, address and port rewrite (nat), MAC rewrite (all), or a 20-byte outer header (ipip).
 *
 * usage: reference METHOD VARIANT CONNECTIONS PASSES
 *   METHOD  nat | dr | ipip | lookup | memcpy      (lookup: parse and find only; memcpy: copy the frame, nothing else)
 *   VARIANT plain | prefetch                        (prefetch: bursts of 64, hash and prefetch first, then work)
 * prints the median nanoseconds per packet over PASSES passes of 8192 packets to random connections.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define FRAMES 8192
#define STRIDE 2048
#define HEADROOM 128
#define FRAME_LEN 60
#define BATCH 64

struct entry {                      /* 64 bytes, one cache line */
    uint32_t saddr, daddr, ports, proto;
    uint32_t nsaddr, ndaddr, nports;
    uint16_t ipdelta, l4delta;
    uint8_t macs[12];
    uint32_t port;
    uint32_t packets, bytes, seen, flags;
};

static struct entry *table;
static uint32_t mask;
static uint8_t *memory;
static uint32_t now = 1;
static volatile uint64_t sink;

static inline uint32_t hash(uint32_t s, uint32_t d, uint32_t p) {
    uint32_t h = s * 0x9e3779b1u ^ d * 0x85ebca6bu ^ p * 0xc2b2ae35u;
    h ^= h >> 15; h *= 0x2c1b3c6du; h ^= h >> 13;
    return h;
}

static inline uint16_t fold(uint32_t x) { x = (x & 0xffff) + (x >> 16); return (x & 0xffff) + (x >> 16); }

static inline uint8_t *frame(uint32_t i) { return memory + (size_t)i * STRIDE + HEADROOM + 2; }

static uint32_t rng = 12345;
static inline uint32_t rnd(void) { rng ^= rng << 13; rng ^= rng >> 17; rng ^= rng << 5; return rng; }

static inline uint32_t client_addr(uint32_t i) { return __builtin_bswap32(0x0a000000u + (i >> 4)); }
static inline uint32_t client_ports(uint32_t i) { return __builtin_bswap16(1024 + (i & 15) * 13) | (uint32_t)__builtin_bswap16(80) << 16; }
static const uint32_t VIP = 0x0a0200c0;             /* 192.0.2.10 as loaded */
static inline uint32_t dest_addr(uint32_t i) { return __builtin_bswap32(0x0a010001u + (i & 7)); }

static uint16_t ip_sum(const uint8_t *p) {
    uint32_t s = 0; for (int i = 0; i < 20; i += 2) s += *(const uint16_t *)(p + i);
    return ~fold(s);
}

static void build(uint32_t f, uint32_t i) {
    uint8_t *e = frame(f); memset(e, 0, FRAME_LEN);
    memcpy(e, "\x02\0\0\0\x0d\x01\x02\0\0\0\x0c\xfe\x08\0", 14);
    uint8_t *p = e + 14; p[0] = 0x45; p[3] = 46; p[6] = 0x40; p[8] = 64; p[9] = 17;
    *(uint32_t *)(p + 12) = client_addr(i); *(uint32_t *)(p + 16) = VIP;
    *(uint16_t *)(p + 10) = 0; *(uint16_t *)(p + 10) = ip_sum(p);
    *(uint32_t *)(p + 20) = client_ports(i); p[25] = 26; *(uint16_t *)(p + 26) = 0x1234;
}

static void insert(uint32_t i) {
    uint32_t s = client_addr(i), ports = client_ports(i), h = hash(s, VIP, ports) & mask;
    while (table[h].proto) h = (h + 1) & mask;
    struct entry *e = &table[h];
    e->saddr = s; e->daddr = VIP; e->ports = ports; e->proto = 17;
    e->nsaddr = s; e->ndaddr = dest_addr(i); e->nports = (ports & 0xffff) | (uint32_t)__builtin_bswap16(8080) << 16;
    uint32_t d = (~VIP & 0xffff) + (~VIP >> 16 & 0xffff) + (e->ndaddr & 0xffff) + (e->ndaddr >> 16);
    e->ipdelta = fold(d);
    e->l4delta = fold(e->ipdelta + (~ports >> 16 & 0xffff) + (e->nports >> 16));
    memcpy(e->macs, "\x02\0\0\0\x01\x01\x02\0\0\0\x0d\x02", 12);
}

static inline struct entry *find(const uint8_t *p, uint32_t h) {
    uint32_t s = *(const uint32_t *)(p + 12), d = *(const uint32_t *)(p + 16), ports = *(const uint32_t *)(p + 20);
    for (h &= mask;; h = (h + 1) & mask) {
        struct entry *e = &table[h];
        if (e->saddr == s && e->daddr == d && e->ports == ports && e->proto == p[9]) return e;
        if (!e->proto) return NULL;
    }
}

static inline int parse(const uint8_t *e) {
    const uint8_t *p = e + 14;
    return *(const uint16_t *)(e + 12) == 0x0008 && p[0] == 0x45 && !(*(const uint16_t *)(p + 6) & 0xff3f) && p[8] > 1 && p[9] == 17;
}

enum { NAT, DR, IPIP, LOOKUP, MEMCPY };

static inline void work(int method, uint8_t *f, uint32_t h) {
    uint8_t *p = f + 14;
    struct entry *e = find(p, h);
    if (!e) { sink++; return; }
    if (method == LOOKUP) { sink += e->flags; return; }
    e->packets++; e->bytes += __builtin_bswap16(*(uint16_t *)(p + 2)); e->seen = now;
    uint16_t *c = (uint16_t *)(p + 10);
    p[8]--;
    if (method == NAT) {
        *c = ~fold((uint16_t)~*c + e->ipdelta + 0xfffe);
        *(uint32_t *)(p + 12) = e->nsaddr; *(uint32_t *)(p + 16) = e->ndaddr; *(uint32_t *)(p + 20) = e->nports;
        uint16_t *u = (uint16_t *)(p + 26);
        if (*u) { uint16_t x = ~fold((uint16_t)~*u + e->l4delta); *u = x ? x : 0xffff; }
    } else *c = ~fold((uint16_t)~*c + 0xfffe);
    if (method == IPIP) {
        uint32_t *o = (uint32_t *)(p - 20);
        uint16_t len = __builtin_bswap16(__builtin_bswap16(*(uint16_t *)(p + 2)) + 20);
        o[0] = 0x45 | p[1] << 8 | (uint32_t)len << 16; o[1] = 0x40 << 16; o[2] = p[8] | 4 << 8; o[3] = 0xfe00010a; o[4] = e->ndaddr;
        *(uint16_t *)((uint8_t *)o + 10) = ip_sum((uint8_t *)o);
        f -= 20; memcpy(f + 12, "\x08\0", 2);
    }
    memcpy(f, e->macs, 12);
}

/* Processor time: what other programs on a busy machine take does not count. */
static uint64_t ns(void) { struct timespec t; clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); return t.tv_sec * 1000000000ull + t.tv_nsec; }
static int cmp(const void *a, const void *b) { double x = *(double *)a, y = *(double *)b; return x < y ? -1 : x > y; }

static inline void pass(int method, int prefetch) {
    static uint8_t copy[STRIDE];
    if (method == MEMCPY) {
        for (uint32_t i = 0; i < FRAMES; i++) { memcpy(copy, frame(i), FRAME_LEN); sink += copy[20]; }
        return;
    }
    if (!prefetch) {
        for (uint32_t i = 0; i < FRAMES; i++) {
            uint8_t *f = frame(i), *p = f + 14;
            if (parse(f)) work(method, f, hash(*(uint32_t *)(p + 12), *(uint32_t *)(p + 16), *(uint32_t *)(p + 20)));
        }
        return;
    }
    for (uint32_t b = 0; b < FRAMES; b += BATCH) {
        uint32_t h[BATCH];
        for (uint32_t i = 0; i < BATCH; i++) {
            uint8_t *f = frame(b + i), *p = f + 14;
            if (!parse(f)) { sink++; continue; }
            h[i] = hash(*(uint32_t *)(p + 12), *(uint32_t *)(p + 16), *(uint32_t *)(p + 20));
            __builtin_prefetch(&table[h[i] & mask], 1);
        }
        for (uint32_t i = 0; i < BATCH; i++) work(method, frame(b + i), h[i]);
    }
}

int main(int argc, char **argv) {
    if (argc != 5) { fprintf(stderr, "usage: reference nat|dr|ipip|lookup|memcpy plain|prefetch CONNECTIONS PASSES\n"); return 2; }
    const char *names[] = {"nat", "dr", "ipip", "lookup", "memcpy"};
    int method = -1;
    for (int i = 0; i < 5; i++) if (!strcmp(argv[1], names[i])) method = i;
    int prefetch = !strcmp(argv[2], "prefetch"), passes = atoi(argv[4]);
    uint32_t conns = strtoul(argv[3], 0, 10), cap = 1;
    if (method < 0 || passes < 1 || passes > 10000 || !conns) return 2;
    while (cap < conns * 2) cap <<= 1;
    mask = cap - 1;
    size_t size = (size_t)cap * sizeof(struct entry);
    table = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(table, size, MADV_HUGEPAGE);
    memory = mmap(0, (size_t)FRAMES * STRIDE + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (uint32_t i = 0; i < conns; i++) insert(i);
    double *t = malloc(sizeof(double) * passes);
    for (int k = -3; k < passes; k++) {
        for (uint32_t i = 0; i < FRAMES; i++) build(i, rnd() % conns);
        uint64_t a = ns();
        switch (method) {           /* constant arguments, so that each case is compiled for itself */
        case NAT: prefetch ? pass(NAT, 1) : pass(NAT, 0); break;
        case DR: prefetch ? pass(DR, 1) : pass(DR, 0); break;
        case IPIP: prefetch ? pass(IPIP, 1) : pass(IPIP, 0); break;
        case LOOKUP: prefetch ? pass(LOOKUP, 1) : pass(LOOKUP, 0); break;
        default: pass(MEMCPY, 0);
        }
        if (k >= 0) t[k] = (double)(ns() - a) / FRAMES;
        now++;
    }
    qsort(t, passes, sizeof *t, cmp);
    printf("%.2f\n", t[passes / 2]);
    return 0;
}
