/** What is measured. */
export interface Contender {
  /** As in --only. */
  readonly name: string;
  readonly title: string;
  /** Address clients use. */
  readonly target: string;
  /** Whether it carries UDP packets; proxies have none that compare. */
  readonly udp: boolean;
  /** tsipvs in one of its shapes, or null for a peer. */
  readonly ours: { readonly device: string; readonly workers: number } | null;
  up(): Promise<Running>;
}

export interface Running {
  /** Of the process that forwards, 0 where it is the kernel. */
  readonly pid: number;
  /** Connections it holds at the moment; ours only. */
  connections?(): Promise<number>;
  down(): Promise<void>;
}
