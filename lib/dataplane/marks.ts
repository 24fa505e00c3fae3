/**
 * Gives packets their firewall mark: an ordered list of rules, the first that matches wins. Stands for iptables' MARK, whose marks a userspace
 * director cannot see. Runs only on packets that belong to no connection.
 */
import { parsePrefix, swap16, type ParsedPrefix } from '../wire/address.ts';
import { INTERFACE_LOCAL } from '../wire/frame.ts';
import type { MarkRule } from '../model/mark-rule.ts';
import type { NetworkState } from '../model/network-state.ts';
import type { Packet } from './packet.ts';

interface CompiledRule {
  readonly mark: number;
  readonly family: 4 | 6 | 0;
  readonly source: ParsedPrefix | null;
  readonly destination: ParsedPrefix | null;
  /** -1 any. */
  readonly protocol: number;
  readonly sourcePorts: readonly [number, number] | null;
  readonly destinationPorts: readonly [number, number] | null;
  /** Interface name, null any. */
  readonly interface: string | null;
}

export class MarkClassifier {
  #rules: readonly CompiledRule[] = [];
  #names: readonly string[] = [];

  setRules(rules: readonly MarkRule[]): void {
    this.#rules = rules.map(compile);
  }

  setInterfaces(state: NetworkState): void {
    this.#names = state.interfaces.map(({ name }) => name);
  }

  /** The packet's mark, as int32; 0 when no rule matches. */
  classify(p: Packet): number {
    const position = this.#ruleFor(p);
    return position < 0 ? 0 : (this.#rules[position] as CompiledRule).mark;
  }

  /** How `p` came by its mark, as words. */
  describe(p: Packet): string {
    const position = this.#ruleFor(p);
    return position < 0 ? 'no rule gives it a firewall mark' : `rule ${position + 1} gives it firewall mark ${(this.#rules[position] as CompiledRule).mark >>> 0}`;
  }

  /** Whether a fragment, whose ports are not known, may belong to a marked packet. */
  mayMark(p: Packet): boolean {
    const rules = this.#rules;
    for (let i = 0; i < rules.length; i++) if (this.#matchesAddresses(rules[i] as CompiledRule, p)) return true;
    return false;
  }

  /** Position of the first rule that matches, -1 none. */
  #ruleFor(p: Packet): number {
    const rules = this.#rules;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i] as CompiledRule;
      if (this.#matchesAddresses(rule, p) && inRange(rule.sourcePorts, p.ports & 0xffff) && inRange(rule.destinationPorts, p.ports >>> 16)) return i;
    }
    return -1;
  }

  #matchesAddresses(rule: CompiledRule, p: Packet): boolean {
    return (rule.family === 0 || rule.family === p.family)
      && (rule.protocol < 0 || rule.protocol === p.protocol)
      && (rule.interface === null || (p.interfaceIdx === INTERFACE_LOCAL ? rule.interface === 'lo' : rule.interface === this.#names[p.interfaceIdx]))
      && contains(rule.source, p.s0, p.s1, p.s2, p.s3)
      && contains(rule.destination, p.d0, p.d1, p.d2, p.d3);
  }
}

function compile(rule: MarkRule): CompiledRule {
  const source = rule.source === undefined ? null : parsePrefix(rule.source);
  const destination = rule.destination === undefined ? null : parsePrefix(rule.destination);
  return {
    mark: rule.mark | 0, family: rule.family ?? source?.family ?? destination?.family ?? 0, source, destination, protocol: rule.protocol ?? -1,
    sourcePorts: rule.sourcePorts ?? null, destinationPorts: rule.destinationPorts ?? null, interface: rule.interface ?? null,
  };
}

function contains(prefix: ParsedPrefix | null, w0: number, w1: number, w2: number, w3: number): boolean {
  if (prefix === null) return true;
  const { words, mask } = prefix;
  return (w0 & (mask[0] as number)) === words[0] && (w1 & (mask[1] as number)) === words[1]
    && (w2 & (mask[2] as number)) === words[2] && (w3 & (mask[3] as number)) === words[3];
}

function inRange(range: readonly [number, number] | null, rawPort: number): boolean {
  if (range === null) return true;
  const port = swap16(rawPort);
  return port >= range[0] && port <= range[1];
}
