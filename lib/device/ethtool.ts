/** Interface features, driver and queues by ioctl (linux/ethtool.h): what `ethtool -k`, `-i` and `-l` say, without the program. */
import { addressOf, closeFd, ioctl, socket, SystemCallError } from '../../native-shims/index.ts';

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SIOCETHTOOL = 0x8946;
const ETHTOOL_GDRVINFO = 0x03;
const ETHTOOL_GSTRINGS = 0x1b;
const ETHTOOL_GSSET_INFO = 0x37;
const ETHTOOL_GFEATURES = 0x3a;
const ETHTOOL_SFEATURES = 0x3b;
const ETHTOOL_GCHANNELS = 0x3c;
const ETH_SS_FEATURES = 4;
const NAME_BYTES = 32;

export interface Feature {
  readonly active: boolean;
  readonly changeable: boolean;
}

/** Name of the interface's driver ("veth", "ixgbe"); empty where it does not say. */
export function driverOf(name: string): string {
  // struct ethtool_drvinfo: command, then driver[32] and much more.
  const words = new Uint32Array(49);
  words[0] = ETHTOOL_GDRVINFO;
  if (!answers(name, words)) return '';
  return Buffer.from(words.buffer, 4, 32).toString('latin1').replace(/\0.*/s, '');
}

/** Receive queues in use; 1 where the interface has no such thing. */
export function receiveQueues(name: string): number {
  // struct ethtool_channels: command, most receive, transmit, other, combined, then how many of each there are.
  const words = new Uint32Array(9);
  words[0] = ETHTOOL_GCHANNELS;
  return answers(name, words) ? Math.max(1, words[5]! + words[8]!) : 1;
}

/** Features by kernel name ("rx-lro"); empty where the interface has no such switches. */
export function interfaceFeatures(name: string): Map<string, Feature> {
  const features = new Map<string, Feature>();
  try {
    const names = featureNames(name);
    const blocks = Math.ceil(names.length / 32);
    // struct ethtool_gfeatures: command, blocks, then available | requested | active | never changed for 32 features each.
    const words = new Uint32Array(2 + blocks * 4);
    words.set([ETHTOOL_GFEATURES, blocks]);
    run(name, words);
    names.forEach((feature, i) => {
      const bit = (field: number): boolean => ((words[2 + (i >> 5) * 4 + field]! >>> (i & 31)) & 1) === 1;
      features.set(feature, { active: bit(2), changeable: bit(0) && !bit(3) });
    });
  } catch (error) {
    if (!(error instanceof SystemCallError) || error.code !== 'ENOTSUP') throw error;
  }
  return features;
}

export function setInterfaceFeature(name: string, feature: string, on: boolean): void {
  const names = featureNames(name);
  const i = names.indexOf(feature);
  if (i < 0) throw new RangeError(`${name} has no feature ${feature}`);
  const blocks = Math.ceil(names.length / 32);
  // struct ethtool_sfeatures: command, blocks, then valid | requested.
  const words = new Uint32Array(2 + blocks * 2);
  words.set([ETHTOOL_SFEATURES, blocks]);
  words[2 + (i >> 5) * 2] = (1 << (i & 31)) >>> 0;
  words[3 + (i >> 5) * 2] = on ? (1 << (i & 31)) >>> 0 : 0;
  run(name, words);
}

function featureNames(name: string): string[] {
  const count = new Uint32Array(5);
  count.set([ETHTOOL_GSSET_INFO, 0, 1 << ETH_SS_FEATURES, 0, 0]);
  run(name, count);
  const length = count[4]!;
  const words = new Uint32Array(3 + (length * NAME_BYTES) / 4);
  words.set([ETHTOOL_GSTRINGS, ETH_SS_FEATURES, length]);
  run(name, words);
  const bytes = Buffer.from(words.buffer, 12);
  return Array.from({ length }, (_unused, i) => bytes.toString('latin1', i * NAME_BYTES, (i + 1) * NAME_BYTES).replace(/\0.*/s, ''));
}

/** False where the interface does not know the command, or has gone. */
function answers(name: string, words: Uint32Array): boolean {
  try {
    run(name, words);
    return true;
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    return false;
  }
}

/** One SIOCETHTOOL call; the kernel writes its answer into `words`. */
function run(name: string, words: Uint32Array): void {
  const request = new Uint8Array(40);
  request.set(Buffer.from(name, 'latin1'));
  new DataView(request.buffer).setBigUint64(16, BigInt(addressOf(words)), true);
  const fd = socket(AF_INET, SOCK_DGRAM, 0);
  try {
    ioctl(fd, SIOCETHTOOL, request);
  } finally {
    closeFd(fd);
  }
}
