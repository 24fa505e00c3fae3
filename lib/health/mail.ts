/** One mail through an SMTP server (RFC 5321), as plain as keepalived's alerts: no TLS, no login. */
import { connect } from 'node:net';
import { hostname } from 'node:os';

const MAX_REPLY_BYTES = 64 * 1024;

export interface MailServer {
  readonly server: string;
  readonly port: number;
  readonly from: string;
  readonly to: readonly string[];
  readonly helo: string;
  readonly timeoutSec: number;
  /** In the subject; empty: the host's name. */
  readonly router: string;
}

export interface Mail { readonly subject: string; readonly text: string; readonly date: Date }

/** Rejects with what the server said. */
export function sendMail({ server, port, to, timeoutSec, ...given }: MailServer, mail: Mail): Promise<void> {
  const helo = given.helo === '' ? hostname() : given.helo;
  const from = given.from === '' ? `tsipvs@${hostname()}` : given.from;
  const steps: readonly (readonly [send: string, expect: string])[] = [
    ['', '220'], [`HELO ${oneLine(helo)}\r\n`, '250'], [`MAIL FROM:<${oneLine(from)}>\r\n`, '250'], ...to.map((one) => [`RCPT TO:<${oneLine(one)}>\r\n`, '25'] as const),
    ['DATA\r\n', '354'], [`${message(from, to, given.router === '' ? hostname() : given.router, mail)}\r\n.\r\n`, '250'], ['QUIT\r\n', '221'],
  ];
  return new Promise((resolve, reject) => {
    const socket = connect(port, server);
    let step = 0;
    let received = '';
    const end = (error: Error | null): void => {
      clearTimeout(timer);
      socket.destroy();
      if (error === null) resolve();
      else reject(error);
    };
    const timer = setTimeout(() => end(new Error(`${server}:${port} did not take the mail within ${timeoutSec} s`)), timeoutSec * 1000);
    socket.setEncoding('latin1');
    socket.on('error', (error) => end(error));
    socket.on('close', () => end(new Error(`${server}:${port} closed the connection`)));
    socket.on('data', (text: string) => {
      received += text;
      if (received.length > MAX_REPLY_BYTES) return end(new Error(`${server}:${port} does not speak SMTP`));
      // The last line of a reply has a space behind its code.
      if (!/(^|\n)\d{3}( [^\n]*)?\r?\n$/.test(received)) return;
      const [, expected] = steps[step]!;
      if (!received.startsWith(expected)) return end(new Error(`${server}:${port} answered ${JSON.stringify(received.trim().slice(0, 80))}`));
      received = '';
      if (++step === steps.length) return end(null);
      socket.write(steps[step]![0]);
    });
  });
}

function message(from: string, to: readonly string[], router: string, { subject, text, date }: Mail): string {
  const body = text.replace(/\r?\n/g, '\r\n').replace(/^\./gm, '..');
  return `Date: ${date.toUTCString().replace('GMT', '+0000')}\r\nFrom: ${oneLine(from)}\r\nSubject: ${oneLine(`[${router}] ${subject}`)}\r\nX-Mailer: tsipvs\r\nTo: ${to.map(oneLine).join(', ')}\r\n\r\n${body}`;
}

/** Nothing from a configuration or a server may start a new header or command. */
function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ');
}
