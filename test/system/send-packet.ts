/** Sends one packet's payload from the namespace it runs in: node send-packet.js PROTOCOL ADDRESS HEX [UDP_PORT]. The kernel writes the IP header. */
import * as shim from '../../native-shims/index.ts';
import { parseAddress } from '../../lib/wire/address.ts';

const AF_INET = 2, AF_INET6 = 10, SOCK_DGRAM = 2, SOCK_RAW = 3;

const [protocol = '', address = '', hex = '', port = '0'] = process.argv.slice(2);
const parsed = parseAddress(address);
if (parsed === null) throw new Error(`${address} is not an address`);
const bytes = new Uint8Array(parsed.words.buffer);
const isUdp = protocol === '17';
const fd = shim.socket(parsed.family === 4 ? AF_INET : AF_INET6, isUdp ? SOCK_DGRAM : SOCK_RAW, Number(protocol));
const to = parsed.family === 4 ? shim.sockaddrIn(bytes, isUdp ? Number(port) : 0) : shim.sockaddrIn6(bytes, isUdp ? Number(port) : 0);
const sent = shim.send(fd, Buffer.from(hex, 'hex'), to);
shim.closeFd(fd);
if (sent !== hex.length / 2) throw new Error(`sent ${sent}`);
