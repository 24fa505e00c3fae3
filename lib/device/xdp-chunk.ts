/**
 * How a frame lies in its chunk of the memory that AF_XDP sockets share with the kernel (Documentation/networking/af_xdp.rst):
 *
 *   0                            234                 258                                              2048
 *   | free: room for tunnel headers, HEADROOM and more | Ethernet | IP ...                              |
 *                                 | metadata 24, if the checksum is to be finished |
 *
 * The kernel leaves 256 bytes before a received frame (XDP_PACKET_HEADROOM) and as many more as asked for: 2, so that the IP header
 * is at a multiple of 4. Half a page a chunk, not a whole one: for Ethernet's usual 1500 bytes that is enough, and half as much memory
 * goes through the caches. Longer frames take the packet socket's way.
 */
export const CHUNK_SHIFT = 11;
export const CHUNK_BYTES = 1 << CHUNK_SHIFT;
/** Asked for besides the kernel's own. */
export const EXTRA_HEADROOM = 2;
export const FRAME_OFF = 256 + EXTRA_HEADROOM;
export const LONGEST_XDP_FRAME = CHUNK_BYTES - FRAME_OFF;
/** struct xsk_tx_metadata, just before a frame to be sent. */
export const METADATA_BYTES = 24;
