/** What a step of the packet's walk says: go on, or how the packet ends. Small integers, so that returning one costs nothing. */
export const CONTINUE = 0;
/** Forwarded (or answered): the frame was given to sink.transmit, or held by the network until the neighbour is known. */
export const TRANSMIT = 1;
/** Not ours: sink.pass with the frame unchanged. */
export const PASS = 2;
/** Gone; the reason was counted in drops[]. */
export const DROP = 3;
/** For the local node: sink.deliver with the frame, perhaps rewritten. */
export const DELIVER = 4;
/** Kept for later: an incomplete datagram. */
export const HOLD = 5;

export type Verdict = typeof CONTINUE | typeof TRANSMIT | typeof PASS | typeof DROP | typeof DELIVER | typeof HOLD;

export const VERDICT_NAMES = ['continue', 'transmit', 'pass', 'drop', 'deliver', 'hold'] as const;
