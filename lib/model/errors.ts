/**
 * What can go wrong in the control plane, as a code that travels over the API. The command line turns the code into
 * ipvsadm's own words and exit status; other front ends use `message`.
 */
export type LvsErrorCode =
  | 'ServiceExists' | 'NoSuchService' | 'ServiceNotDefined' | 'DestinationExists' | 'NoSuchDestination'
  | 'NoScheduler' | 'DaemonRunning' | 'NoDaemon' | 'InvalidOperation' | 'OutOfRange' | 'NoSuchDevice' | 'NetworkUnreachable' | 'NoMemory'
  | 'BadRequest' | 'Unsupported' | 'NotRunning' | 'Permission' | 'Internal';

export class LvsError extends Error {
  readonly code: LvsErrorCode;
  constructor(code: LvsErrorCode, message: string) {
    super(message);
    this.name = 'LvsError';
    this.code = code;
  }
}
