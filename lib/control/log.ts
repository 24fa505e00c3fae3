/** The daemon's log: lines on a stream, as text or JSON, from a level on. Nothing of the packet path ever logs. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  readonly level: LogLevel;
  readonly json: boolean;
  write(line: string): void;
  /** Wall clock, for JSON lines. */
  now(): Date;
}

export class Log {
  readonly #options: LogOptions;

  constructor(options: LogOptions) {
    this.#options = options;
  }

  error(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#line('error', message, fields);
  }

  warn(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#line('warn', message, fields);
  }

  info(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#line('info', message, fields);
  }

  debug(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#line('debug', message, fields);
  }

  #line(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void {
    const { json, write, now } = this.#options;
    if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(this.#options.level)) return;
    // One event is one line, whatever is in it.
    const flat = message.replace(/\s*\n\s*/g, ' | ');
    write(json ? `${JSON.stringify({ time: now().toISOString(), level, message, ...fields })}\n` : `tsipvsd: ${level === 'info' ? '' : `${level}: `}${flat}\n`);
  }
}
