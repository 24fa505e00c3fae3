/**
 * A unix socket's path has 107 bytes at most (sockaddr_un, unix(7)). Older Node cuts a longer one silently and uses another file, newer Node says EINVAL;
 * neither tells the user.
 */
import { LvsError } from '../../model/errors.ts';

const LONGEST_PATH_BYTES = 107;

export function refuseLongSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes > LONGEST_PATH_BYTES) throw new LvsError('BadRequest', `the socket path ${path} has ${bytes} bytes; ${LONGEST_PATH_BYTES} is the most, name a shorter one with --socket or TSIPVS_SOCKET`);
}
