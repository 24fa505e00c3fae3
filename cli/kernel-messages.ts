/** Refusals in ipvsadm's words (ipvs_strerror), by the API's error code. Codes that the kernel has no word for speak for themselves. */
import type { ApiFailure } from '../lib/control/api/message.ts';
import type { LvsErrorCode } from '../lib/model/errors.ts';

const KERNEL_MESSAGES: Readonly<Partial<Record<LvsErrorCode, string>>> = {
  ServiceExists: 'Service already exists',
  NoSuchService: 'No such service',
  ServiceNotDefined: 'Service not defined',
  DestinationExists: 'Destination already exists',
  NoSuchDestination: 'No such destination',
  NoScheduler: 'Scheduler or persistence engine not found',
  DaemonRunning: 'Daemon has already run',
  NoDaemon: 'No daemon is running',
  InvalidOperation: 'Invalid operation.  Possibly wrong module version, address not unicast, ...',
  OutOfRange: 'Numerical result out of range',
  NoSuchDevice: 'No such device',
  NetworkUnreachable: 'Network is unreachable',
  NoMemory: 'Memory allocation problem',
};

export function refusalText({ code, message }: ApiFailure): string {
  return KERNEL_MESSAGES[code] ?? message;
}
