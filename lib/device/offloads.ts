/**
 * Interface offloads that would break forwarding, turned off while the director uses the interface and on again when it stops.
 *
 * Ordinary receive offload (GRO), segmentation and checksums stay: packet devices understand them, they are the speed. What cannot be
 * cut again into the packets that came in is what hurts; the kernel turns the first off by itself when it forwards.
 */
import { SystemCallError } from '../../native-shims/index.ts';
import { interfaceFeatures, setInterfaceFeature } from './ethtool.ts';

export const HARMFUL_OFFLOADS = [
  ['rx-lro', 'joins packets in a way that nobody can undo'],
  ['rx-gro-list', 'joins packets without a checksum over the whole'],
] as const;

export class Offloads {
  readonly #changed: { readonly name: string; readonly feature: string }[] = [];

  /** Turn off what is harmful on an interface. Returns one line for each change, and for each that was refused. */
  prepare(name: string): string[] {
    const features = interfaceFeatures(name);
    const lines: string[] = [];
    for (const [feature, why] of HARMFUL_OFFLOADS) {
      if (!features.get(feature)?.active) continue;
      try {
        setInterfaceFeature(name, feature, false);
        if (interfaceFeatures(name).get(feature)?.active) throw new Error('the interface ignores it');
        this.#changed.push({ name, feature });
        lines.push(`${name}: ${feature} turned off until exit (it ${why})`);
      } catch (error) {
        lines.push(`${name}: ${feature} cannot be turned off (${(error as Error).message}); it ${why}, so expect losses`);
      }
    }
    return lines;
  }

  /** Put back what prepare() changed, last change first. Interfaces that are gone are skipped. */
  restore(): void {
    for (const { name, feature } of this.#changed.splice(0).reverse()) {
      try {
        setInterfaceFeature(name, feature, true);
      } catch (error) {
        if (!(error instanceof SystemCallError)) throw error;
      }
    }
  }
}
