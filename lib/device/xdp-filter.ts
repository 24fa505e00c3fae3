/**
 * The XDP programs of the `xdp` device and what they look into: what is ours by the guard's policy (guard-program.ts) goes to the AF_XDP sockets of
 * its interface, everything else on to the host. Fed with the same edits as the guard, in the control thread, before the data plane
 * knows them. Attached by link: when this process ends, however it ends, so does the redirection.
 */
import { closeFd, SystemCallError } from '../../native-shims/index.ts';
import { LvsError } from '../model/errors.ts';
import type { TableEdit } from '../model/table-edit.ts';
import { createLink, loadProgram, SocketMap, updateLink, XDP, XDP_GENERIC, XDP_NATIVE } from './ebpf.ts';
import type { GuardRule } from './guard-policy.ts';
import { guardProgram, XDP_PASS } from './guard-program.ts';
import { GuardTables } from './guard-tables.ts';
import { LONGEST_XDP_FRAME } from './xdp-chunk.ts';

const ETHERNET = 14;
/** Receive queues of one interface that can have sockets. */
const MOST_QUEUES = 256;

export interface XdpInterface { readonly name: string; readonly ifindex: number; readonly mac: string; readonly mtu: number }

interface Attachment { readonly isGeneric: boolean; readonly sockets: SocketMap; ifindex: number; mac: string; mtu: number; link: number }

export class XdpFilter {
  readonly #tables = new GuardTables();
  readonly #attachments = new Map<string, Attachment>();

  /** Put an interface under it, before there are sockets: everything goes on to the host. Throws LvsError with the reason in one line. */
  attach({ name, ifindex, mac, mtu }: XdpInterface, isGeneric: boolean): void {
    const attachment: Attachment = { isGeneric, sockets: new SocketMap(MOST_QUEUES), ifindex, mac, mtu, link: -1 };
    try {
      this.#put(name, attachment, []);
      this.#attachments.set(name, attachment);
    } catch (error) {
      attachment.sockets.close();
      throw explained(error, isGeneric);
    }
  }

  /** No sockets came of it. */
  detach(name: string): void {
    const attachment = this.#attachments.get(name);
    if (attachment === undefined) return;
    this.#attachments.delete(name);
    end(attachment);
    attachment.sockets.close();
  }

  has(name: string): boolean {
    return this.#attachments.has(name);
  }

  /** Descriptor of the map of an interface's sockets by queue. */
  socketsFd(name: string): number {
    return this.#attachments.get(name)!.sockets.fd;
  }

  widen(edits: readonly TableEdit[]): void {
    if (this.#tables.widen(edits)) this.#replacePrograms();
  }

  narrow(): void {
    if (this.#tables.narrow()) this.#replacePrograms();
  }

  close(): void {
    for (const name of [...this.#attachments.keys()]) this.detach(name);
    this.#tables.close();
  }

  /**
   * Descriptor of a program, for tests of it: `withoutSocket` is what it returns for a frame of ours while there is no socket.
   * NB: under generic XDP frames longer than the MTU are super-frames, which would lose what says how to cut them; so it leaves those alone.
   */
  loadProgram(rules: readonly GuardRule[], { name, mac, mtu }: Omit<XdpInterface, 'ifindex'>, socketsFd: number, withoutSocket = XDP_PASS): number {
    const { entries, own } = this.#tables;
    return loadProgram('xdp', guardProgram(rules, {
      direction: 'xdp', interface: name, entriesFd: entries.fd, ownFd: own.fd, redirectTo: 0, xdp: { socketsFd, mac, longest: Math.min(LONGEST_XDP_FRAME, ETHERNET + mtu), withoutSocket },
    }));
  }

  get rules(): GuardRule[] {
    return this.#tables.rules;
  }

  #replacePrograms(): void {
    const { rules, interfaces } = this.#tables;
    for (const [name, attachment] of this.#attachments) {
      const now = interfaces.find((entry) => entry.name === name);
      if (now === undefined || now.ifindex !== attachment.ifindex) end(attachment);
      if (now === undefined) continue;
      attachment.ifindex = now.ifindex;
      attachment.mac = now.mac;
      attachment.mtu = now.mtu;
      try {
        this.#put(name, attachment, rules);
      } catch (error) {
        if (!(error instanceof SystemCallError)) {
          throw new LvsError('OutOfRange', `the kernel takes no XDP program of ${rules.length} mark rules: use fewer, e.g. prefixes in place of addresses (${(error as Error).message})`);
        }
        // An interface that went away meanwhile, or came back as one without XDP: packet sockets do its work.
        end(attachment);
      }
    }
  }

  /** The link keeps the program; our descriptor of it is not needed any more. */
  #put(name: string, attachment: Attachment, rules: readonly GuardRule[]): void {
    const program = this.loadProgram(rules, { name, mac: attachment.mac, mtu: attachment.mtu }, attachment.sockets.fd);
    try {
      if (attachment.link >= 0) updateLink(attachment.link, program);
      else attachment.link = createLink(program, attachment.ifindex, XDP, attachment.isGeneric ? XDP_GENERIC : XDP_NATIVE);
    } finally {
      closeFd(program);
    }
  }
}

function end(attachment: Attachment): void {
  if (attachment.link >= 0) closeFd(attachment.link);
  attachment.link = -1;
}

function explained(error: unknown, isGeneric: boolean): LvsError {
  if (!(error instanceof SystemCallError)) return new LvsError('Unsupported', `this kernel does not take the XDP program (${(error as Error).message}); 5.18 or later does`);
  switch (error.code) {
    case 'EOPNOTSUPP':
    case 'ENOTSUP': return new LvsError('Unsupported', isGeneric ? 'no XDP on this interface' : 'its driver has no native XDP (--device xdp-generic works without)');
    case 'EPERM':
    case 'EACCES': return new LvsError('Permission', 'no permission for bpf(2): run as root or with CAP_BPF and CAP_NET_ADMIN');
    case 'EBUSY':
    case 'EEXIST': return new LvsError('Unsupported', 'another XDP program is attached to it');
    case 'ENOSPC': return new LvsError('Unsupported', 'it receives on fewer queues than its peer sends on: make them as many with ethtool -L');
    case 'ERANGE': return new LvsError('Unsupported', 'its MTU is too large for XDP with this driver');
    case 'ENOSYS': return new LvsError('Unsupported', 'this kernel has no bpf(2)');
    default: return new LvsError('Unsupported', `XDP cannot be attached (${error.message})`);
  }
}
