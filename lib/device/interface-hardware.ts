/** Hardware type and address of an interface by ioctl (netdevice(7)): right in the thread's own network namespace, where /sys is not. */
import { closeFd, ioctl, socket } from '../../native-shims/index.ts';

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SIOCGIFHWADDR = 0x8927;

export const ARPHRD_ETHER = 1;

export interface InterfaceHardware {
  /** ARPHRD_ number. */
  readonly type: number;
  /** "02:00:00:00:0d:01". */
  readonly mac: string;
}

export function interfaceHardware(name: string): InterfaceHardware {
  const fd = socket(AF_INET, SOCK_DGRAM, 0);
  try {
    const request = new Uint8Array(40);
    request.set(Buffer.from(name, 'latin1'));
    ioctl(fd, SIOCGIFHWADDR, request);
    return { type: new DataView(request.buffer).getUint16(16, true), mac: Buffer.from(request.subarray(18, 24)).toString('hex').replace(/..(?=.)/g, '$&:') };
  } finally {
    closeFd(fd);
  }
}
