/** How long a connection lives in each state, ms as int32 (unsigned): the kernel's tables, and what --set changes in them. */
import { TCP_STATE } from '../model/conn-state.ts';
import type { Timeouts } from '../model/table-edit.ts';
import { SCTP_TIMEOUT_SEC } from './sctp-state.ts';
import { TCP_TIMEOUT_SEC } from './tcp-state.ts';
import { UDP_TIMEOUT_SEC } from './udp-state.ts';

export class ProtocolTimeouts {
  readonly tcp = Int32Array.from(TCP_TIMEOUT_SEC, (seconds) => seconds * 1000);
  readonly sctp = Int32Array.from(SCTP_TIMEOUT_SEC, (seconds) => seconds * 1000);
  udp = UDP_TIMEOUT_SEC * 1000;

  /** --set: 0 keeps a value. */
  set(timeouts: Timeouts): void {
    if (timeouts.tcp > 0) this.tcp[TCP_STATE.ESTABLISHED] = timeouts.tcp * 1000;
    if (timeouts.tcpFin > 0) this.tcp[TCP_STATE.FIN_WAIT] = timeouts.tcpFin * 1000;
    if (timeouts.udp > 0) this.udp = (timeouts.udp * 1000) | 0;
  }
}
