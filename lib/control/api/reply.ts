/**
 * Writes one reply line in pieces: a listing of 100,000 connections is turned into text a thousand records at a time, with the
 * event loop running in between and the socket's backpressure obeyed, so that other callers and the daemon's own work never wait
 * for it. The bytes are those of JSON.stringify.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Socket } from 'node:net';

const RECORDS_A_SLICE = 1000;

/** Resolves when the line is in the socket; false if the socket closed meanwhile. */
export async function writeReply(socket: Socket, id: number, result: object): Promise<boolean> {
  const entries = Object.entries(result);
  const large = entries.filter(([, value]) => Array.isArray(value) && value.length > RECORDS_A_SLICE);
  if (large.length === 0) return write(socket, `${JSON.stringify({ id, result })}\n`);

  let text = `{"id":${id},"result":{`;
  let separator = '';
  for (const [name, value] of entries) {
    text += `${separator}${JSON.stringify(name)}:`;
    separator = ',';
    if (!Array.isArray(value)) {
      text += JSON.stringify(value);
      continue;
    }
    text += '[';
    for (let from = 0; from < value.length; from += RECORDS_A_SLICE) {
      text += (from > 0 ? ',' : '') + JSON.stringify(value.slice(from, from + RECORDS_A_SLICE)).slice(1, -1);
      if (!(await write(socket, text))) return false;
      text = '';
      await nextTurn();
    }
    text += ']';
  }
  return write(socket, `${text}}}\n`);
}

function write(socket: Socket, text: string): Promise<boolean> {
  if (socket.destroyed) return Promise.resolve(false);
  if (socket.write(text)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const settle = (ok: boolean) => (): void => {
      socket.off('drain', drained);
      socket.off('close', closed);
      resolve(ok);
    };
    const drained = settle(true);
    const closed = settle(false);
    socket.on('drain', drained);
    socket.on('close', closed);
  });
}
