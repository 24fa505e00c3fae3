/** Socket addresses as the bytes that bind, connect and sendto take. */

/** struct sockaddr_ll (packet(7)): protocol in host order, 0 = none. */
export function sockaddrLl(protocol: number, ifindex: number, mac?: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 17, true);
  view.setUint16(2, protocol);
  view.setInt32(4, ifindex, true);
  if (mac) {
    bytes[11] = mac.length;
    bytes.set(mac.subarray(0, 8), 12);
  }
  return bytes;
}

/** struct sockaddr_nl (netlink(7)). */
export function sockaddrNl(groups: number): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 16, true);
  view.setUint32(8, groups, true);
  return bytes;
}

/** struct sockaddr_in; the address as its four bytes. */
export function sockaddrIn(address: Uint8Array, port: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 2, true);
  view.setUint16(2, port);
  bytes.set(address.subarray(0, 4), 4);
  return bytes;
}

/** struct sockaddr_in6; the address as its sixteen bytes. */
export function sockaddrIn6(address: Uint8Array, port: number, scope = 0): Uint8Array {
  const bytes = new Uint8Array(28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 10, true);
  view.setUint16(2, port);
  bytes.set(address.subarray(0, 16), 8);
  view.setUint32(24, scope, true);
  return bytes;
}

/** struct sockaddr_un; a name that starts with "@" is abstract. */
export function sockaddrUn(path: string): Uint8Array {
  const name = Buffer.from(path, 'utf8');
  if (name.length === 0 || name.length > 107) throw new RangeError(`socket path of ${name.length} bytes: ${path}`);
  const bytes = new Uint8Array(2 + name.length + (path.startsWith('@') ? 0 : 1));
  new DataView(bytes.buffer).setUint16(0, 1, true);
  bytes.set(name, 2);
  if (path.startsWith('@')) bytes[2] = 0;
  return bytes;
}

/** struct sockaddr_xdp (linux/if_xdp.h). `shareWith`: descriptor of a bound socket whose memory to use; needs the flag that says so. */
export function sockaddrXdp(ifindex: number, queue: number, flags: number, shareWith = 0): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 44, true);
  view.setUint16(2, flags, true);
  view.setUint32(4, ifindex, true);
  view.setUint32(8, queue, true);
  view.setUint32(12, shareWith, true);
  return bytes;
}
