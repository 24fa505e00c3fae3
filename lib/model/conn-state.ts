/**
 * Connection states as the kernel numbers and names them (include/net/ip_vs.h), one list per protocol.
 * The number lives in the connection entry, the name is what listings show.
 */
export const TCP_STATE = { NONE: 0, ESTABLISHED: 1, SYN_SENT: 2, SYN_RECV: 3, FIN_WAIT: 4, TIME_WAIT: 5, CLOSE: 6, CLOSE_WAIT: 7, LAST_ACK: 8, LISTEN: 9, SYNACK: 10 } as const;
export const TCP_STATE_NAMES = ['NONE', 'ESTABLISHED', 'SYN_SENT', 'SYN_RECV', 'FIN_WAIT', 'TIME_WAIT', 'CLOSE', 'CLOSE_WAIT', 'LAST_ACK', 'LISTEN', 'SYNACK'] as const;

export const UDP_STATE = { NORMAL: 0 } as const;
export const UDP_STATE_NAMES = ['UDP'] as const;

export const SCTP_STATE = {
  NONE: 0, INIT1: 1, INIT: 2, COOKIE_SENT: 3, COOKIE_REPLIED: 4, COOKIE_WAIT: 5, COOKIE: 6, COOKIE_ECHOED: 7, ESTABLISHED: 8,
  SHUTDOWN_SENT: 9, SHUTDOWN_RECEIVED: 10, SHUTDOWN_ACK_SENT: 11, REJECTED: 12, CLOSED: 13,
} as const;
export const SCTP_STATE_NAMES = ['NONE', 'INIT1', 'INIT', 'C-SENT', 'C-REPLIED', 'C-WAIT', 'COOKIE', 'C-ECHOED', 'ESTABLISHED',
  'S-SENT', 'S-RECEIVED', 'S-ACK-SENT', 'REJECTED', 'CLOSED'] as const;

/** States of a persistence template. */
export const TEMPLATE_STATE = { NONE: 0, ASSURED: 1 } as const;
export const TEMPLATE_STATE_NAMES = ['NONE', 'ASSURED'] as const;
