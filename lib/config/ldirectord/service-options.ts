/**
 * Scheduler, persistence and flags of a section as ipvsadm takes them. ldirectord passes them on without looking: what ipvsadm or the kernel does not take only
 * makes that call fail, and the service is not there.
 */
import type { ServiceId, VirtualService } from '../../model/virtual-service.ts';
import { SCHED_FLAG } from '../../model/virtual-service.ts';
import { SCHEDULER_NAMES, schedulerFlagNames, isSchedulerName } from '../../schedulers/names.ts';
import type { Diagnostics } from '../diagnostics.ts';
import { readAbbreviatedAddress, readAddress } from '../keepalived/addresses.ts';
import type { Section, SettingLine } from './read-ldirectord.ts';

const DEFAULT_SCHEDULER = 'wrr';
const MOST_PERSISTENCE_SEC = 31 * 24 * 3600;
const ANY_FLAGS: Readonly<Record<string, number>> = { 'flag-1': SCHED_FLAG.flag1, 'flag-2': SCHED_FLAG.flag2, 'flag-3': SCHED_FLAG.flag3 };
const LEFT_OUT = 'the service is left out: ldirectord only fails when it calls ipvsadm';

/** Null: the service cannot be. */
export function serviceOptions({ settings, family, virtual }: Section, id: ServiceId, diagnostics: Diagnostics): VirtualService | null {
  const warn = (line: SettingLine, message: string, known: readonly string[] = []): null => {
    diagnostics.warn(line.place, message, LEFT_OUT, line.value.trim(), known);
    return null;
  };
  const scheduler = settings.get('scheduler');
  if (scheduler !== undefined && !isSchedulerName(scheduler.value)) return warn(scheduler, `unknown scheduler "${scheduler.value}"`, SCHEDULER_NAMES);
  const name = scheduler?.value ?? DEFAULT_SCHEDULER;
  const flagLine = settings.get('schedflags');
  let schedFlags = 0;
  for (const flag of (flagLine?.value ?? '').split(',').filter((word) => word !== '')) {
    const bit = ANY_FLAGS[flag] ?? schedulerFlagNames(name).find((one) => one.name === flag)?.bit;
    if (bit === undefined) return warn({ ...flagLine!, value: flag }, `no scheduler flag "${flag}" of ${name}`, [...Object.keys(ANY_FLAGS), ...schedulerFlagNames(name).map((one) => one.name)]);
    schedFlags |= bit;
  }
  const persistent = settings.get('persistent');
  const persistenceSec = Number(persistent?.value ?? 0);
  if (persistent !== undefined && (persistenceSec < 1 || persistenceSec > MOST_PERSISTENCE_SEC)) return warn(persistent, `persistent ${persistent.value} is outside [1, ${MOST_PERSISTENCE_SEC}]`);
  if (id.kind === 'address' && id.port === 0 && persistenceSec === 0) return warn(virtual, 'a service of every port (0) needs persistent');
  const full = family === 6 ? '128' : '255.255.255.255';
  const netmask = settings.get('netmask');
  const mask = netmask === undefined ? full : readMask(netmask.value, family);
  if (netmask !== undefined && persistent === undefined) diagnostics.warn(netmask.place, 'netmask without persistent', 'ignored', 'netmask');
  if (netmask !== undefined && persistent !== undefined && mask === null) return warn(netmask, `netmask "${netmask.value}" is no mask`);
  return {
    id, scheduler: name, schedFlags, persistenceSec, persistenceMask: persistent === undefined ? full : mask ?? full, persistenceEngine: null,
    onePacket: settings.get('ops')?.value === 'yes' && id.kind === 'address' && id.protocol === 'udp',
  };
}

function readMask(text: string, family: 4 | 6): string | null {
  if (family === 6) return text;
  return readAddress(text)?.address ?? readAbbreviatedAddress(text);
}
