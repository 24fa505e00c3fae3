/**
 * The layout of a connection, in one place. Connection i owns 32 int32 of `words`: two entries of 64 bytes, one per direction, each a
 * cache line of its own. Entry e = 2i is client to virtual service, e = 2i + 1 real server to client; entry e begins at word 16e.
 *
 *       word            entry 2i (client -> VIP)              entry 2i+1 (RIP -> client)
 *     +------------------------------------------------------------------------------------------
 *     |  0 SOURCE       client address                        destination's address
 *     |  1 TARGET       virtual address                       client address
 *     |  2 PORTS        client port | virtual port << 16      destination's port | client port << 16
 *     |  3 KEY          protocol | KEY_ bits; 0 = free        the same; 0 = not in the index
 *     |  4 NEW_ADDRESS  target: destination's address         source: virtual address         IPv4 only
 *     |  5 STAMP        EPOCH | what the fast path does       the same                        0 = walk
 *     |  6 NEW_PORTS    client port | destination's << 16     virtual port | client port << 16
 *     |  7 DELTAS       address delta | transport delta << 16; of a tunnel the folded sum of what its outer headers have in common
 *     |  8 HOP          next-hop index or ROUTE_ result
 *     |  9 HOP_AGE      network generation HOP was looked up in, 0 = never
 *     | 10 STATE        state | method << 8 | CONN_ bits      -
 *     | 11 LAST_SEEN    ms since the start, int32, wraps      -
 *     | 12 TIMEOUT      ms, unsigned                          -
 *     | 13 PACKETS      low 32 bits                           the same of this direction
 *     | 14 BYTES        low 32 bits                           the same
 *     | 15 DESTINATION  slot in Services.slots, -1 none       the same
 *     +------------------------------------------------------------------------------------------
 *
 * STAMP spares the fast path nearly all questions: the walk writes it when it has just forwarded a packet whose connection answers all of them
 * (fast-stamp.ts), whoever changes STATE or TIMEOUT clears it (Connections), and whoever changes what else it vouches for moves EPOCH on (fast-state.ts).
 *
 * Addresses and ports are raw. The first four words are what the index finds an entry by. An IPv6 address is a hash of its four words there, and the
 * full address lies in `addresses`: client 0..3, virtual 4..7. What packets do not need lies in `cold`, 8 words:
 *
 *     0 CONTROL    connection this one hangs on (template, FTP control) + 1, 0 none
 *     1 CHILDREN   connections that hang on this one (n_control)
 *     2 HASH_IN    hash of entry 2i        3 HASH_OUT  hash of entry 2i+1
 *     4..7         destination's address as listed (family in STATE)
 */
export const ENTRY_WORDS = 16, ENTRY_SHIFT = 4;
export const CONN_WORDS = 32;

export const SOURCE = 0, TARGET = 1, PORTS = 2, KEY = 3, NEW_ADDRESS = 4, STAMP = 5, NEW_PORTS = 6, DELTAS = 7;
export const HOP = 8, HOP_AGE = 9, STATE = 10, LAST_SEEN = 11, TIMEOUT = 12, PACKETS = 13, BYTES = 14, DESTINATION = 15;

/** KEY: bits above the protocol. USED keeps the word from being 0 where the protocol is (mark templates). */
export const KEY_IPV6 = 0x100;
export const KEY_TEMPLATE = 0x200;
export const KEY_USED = 0x400;

/** STATE: low byte the state, then the method, then flags (IP_VS_CONN_F_). */
export const STATE_MASK = 0xff;
export const METHOD_SHIFT = 8;
export const METHOD_MASK = 7 << METHOD_SHIFT;
export const METHOD = { masq: 0, local: 1, tunnel: 2, route: 3, bypass: 4 } as const;
export const METHOD_NAMES = ['masq', 'local', 'tunnel', 'route', 'bypass'] as const;
/** Counted among the inactive connections of its destination. */
export const CONN_INACTIVE = 1 << 12;
/** No packet from the real server was seen, none is expected (not NAT). */
export const CONN_NO_OUTPUT = 1 << 13;
export const CONN_TEMPLATE = 1 << 14;
export const CONN_ONE_PACKET = 1 << 15;
/** Not found by packets any more, ends at the next turn of the timers. */
export const CONN_ENDING = 1 << 16;
/** The destination's address is IPv6. */
export const CONN_DESTINATION_IPV6 = 1 << 17;
/** Found by the call-id of a persistence engine, not by the index. */
export const CONN_ENGINE = 1 << 18;
/** An application helper (FTP) looks at its payload. */
export const CONN_HELPER = 1 << 19;
/** Made for a data connection whose client port is not known yet (IP_VS_CONN_F_NO_CPORT). */
export const CONN_NO_CLIENT_PORT = 1 << 20;
/** Made after a synchronisation message (IP_VS_CONN_F_SYNC). */
export const CONN_SYNCED = 1 << 21;
/** Hangs on another connection or a template. */
export const CONN_CONTROLLED = 1 << 22;

export const COLD_WORDS = 8;
export const CONTROL = 0, CHILDREN = 1, HASH_IN = 2, HASH_OUT = 3, DESTINATION_ADDRESS = 4;

export const ADDRESS_WORDS = 8;
