/**
 * The eBPF guard: one program per interface, attached by TCX link, over maps they share (guard-tables.ts). Everything is held by descriptors
 * of this process: when it ends, even by SIGKILL, the host's stack sees its traffic again at once.
 */
import { closeFd, SystemCallError } from '../../native-shims/index.ts';
import { LvsError } from '../model/errors.ts';
import type { TableEdit } from '../model/table-edit.ts';
import { createLink, loadProgram, TCX_EGRESS, TCX_INGRESS, updateLink } from './ebpf.ts';
import type { Guard } from './guard.ts';
import type { GuardRule } from './guard-policy.ts';
import { guardProgram } from './guard-program.ts';
import { GuardTables } from './guard-tables.ts';

const LOOPBACK_IFINDEX = 1;

interface Attachment { readonly ifindex: number; ingress: number; egress: number }

export class EbpfGuard implements Guard {
  readonly kind = 'ebpf';
  readonly #tables = new GuardTables();
  readonly #redirectTo: number;
  readonly #attachments = new Map<string, Attachment>();

  /** Throws where the kernel has no TCX (before 6.6) or we no permission. `redirectTo`: ifindex of the local inject device, 0 = none. */
  constructor(redirectTo: number) {
    this.#redirectTo = redirectTo;
    try {
      this.#probe();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  widen(edits: readonly TableEdit[]): void {
    if (this.#tables.widen(edits)) this.#replacePrograms();
  }

  narrow(): void {
    if (this.#tables.narrow()) this.#replacePrograms();
  }

  close(): void {
    for (const attachment of this.#attachments.values()) detach(attachment);
    this.#attachments.clear();
    this.#tables.close();
  }

  /** Descriptor of a program for tests of it. */
  loadProgram(rules: readonly GuardRule[], direction: 'ingress' | 'egress', name: string): number {
    return loadProgram('tc', guardProgram(rules, {
      direction, interface: name, entriesFd: this.#tables.entries.fd, ownFd: this.#tables.own.fd, redirectTo: this.#redirectTo,
    }));
  }

  /** The rules its programs are made of. */
  get rules(): GuardRule[] {
    return this.#tables.rules;
  }

  /** Attach an empty guard to lo for a moment. */
  #probe(): void {
    const program = this.loadProgram([], 'ingress', 'lo');
    try {
      closeFd(createLink(program, LOOPBACK_IFINDEX, TCX_INGRESS));
    } finally {
      closeFd(program);
    }
  }

  #replacePrograms(): void {
    const { rules, interfaces } = this.#tables;
    for (const [name, attachment] of this.#attachments) {
      if (interfaces.some((entry) => entry.name === name && entry.ifindex === attachment.ifindex)) continue;
      detach(attachment);
      this.#attachments.delete(name);
    }
    for (const { name, ifindex } of interfaces) this.#guardInterface(name, ifindex, rules);
  }

  #guardInterface(name: string, ifindex: number, rules: readonly GuardRule[]): void {
    const known = this.#attachments.get(name);
    const attachment = known ?? { ifindex, ingress: -1, egress: -1 };
    try {
      attachment.ingress = this.#put(attachment.ingress, this.loadProgram(rules, 'ingress', name), ifindex, TCX_INGRESS);
      if (this.#redirectTo !== 0 && attachment.egress < 0) {
        attachment.egress = this.#put(attachment.egress, this.loadProgram([], 'egress', name), ifindex, TCX_EGRESS);
      }
      this.#attachments.set(name, attachment);
    } catch (error) {
      if (!(error instanceof SystemCallError) && rules.length > 0) {
        throw new LvsError('OutOfRange', `the kernel takes no guard program of ${rules.length} mark rules: use fewer, e.g. prefixes in place of addresses (${(error as Error).message})`);
      }
      // An interface that went away meanwhile: the next network state will say so.
      if (!(error instanceof SystemCallError) || (error.code !== 'ENODEV' && error.code !== 'ENOLINK')) throw error;
      detach(attachment);
      this.#attachments.delete(name);
    }
  }

  /** The link keeps the program; our descriptor of it is not needed any more. */
  #put(link: number, program: number, ifindex: number, attachType: number): number {
    try {
      if (link < 0) return createLink(program, ifindex, attachType);
      updateLink(link, program);
      return link;
    } finally {
      closeFd(program);
    }
  }
}

function detach(attachment: Attachment): void {
  if (attachment.ingress >= 0) closeFd(attachment.ingress);
  if (attachment.egress >= 0) closeFd(attachment.egress);
}
