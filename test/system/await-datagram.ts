/** Waits for one datagram and prints who sent it and what it says: node await-datagram.js ADDRESS PORT. Says "bound" first. */
import { createSocket } from 'node:dgram';

const [address = '', port = '0'] = process.argv.slice(2);
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
const limit = setTimeout(() => { console.log('nothing'); socket.close(); }, 4_000);
socket.on('message', (message, peer) => {
  console.log(`${peer.address} ${peer.port} ${message.toString('latin1')}`);
  clearTimeout(limit);
  socket.close();
});
socket.bind(Number(port), address, () => console.log('bound'));
