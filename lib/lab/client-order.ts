/** What the laboratory's client process is asked to do, and what it reports: a JSON list of orders, a JSON list of results. */
export interface ClientOrder {
  readonly kind: 'http' | 'udp' | 'download' | 'upload' | 'echo';
  readonly address: string;
  readonly port: number;
  /** Requests (http, udp), bytes (download, upload), or connections held open (echo). */
  readonly count: number;
  readonly concurrency?: number;
  /**
   * http, udp: source port of the first request; the others count up. The kernel's own choice repeats within seconds, and a repeated
   * port is the same connection to a director that still has its entry.
   */
  readonly firstPort?: number;
  readonly timeoutMs?: number;
  /** echo: how long to keep talking on the connections, and the pause between two messages of one connection. */
  readonly durationMs?: number;
  readonly intervalMs?: number;
  /** echo: a file that is made once every connection was greeted by its server. */
  readonly readyFile?: string;
}

export interface ClientResult {
  /** Who answered how often. */
  readonly answers: Record<string, number>;
  /** What went wrong how often. */
  readonly failures: Record<string, number>;
  /** echo: connections that lost something, by the server they were on. */
  readonly brokenByServer?: Record<string, number>;
  readonly messages?: number;
  /** Of what arrived: here (download) or, as it reports, at the server (upload). */
  readonly sha256?: string;
  readonly bytes?: number;
  readonly elapsedMs: number;
}
