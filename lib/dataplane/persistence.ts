/**
 * Persistence (ip_vs_sched_persist): a template ties a client, or its network, to a destination; connections are made after it and hang on it.
 * What a template is found by:
 *
 *     service                  protocol   client          virtual address    virtual port
 *     address:port             own        masked          own                own
 *     FTP (port 21), port 0    own        masked          own                0
 *     firewall mark            0 (IP)     masked          the mark           0
 *
 * With a persistence engine the data it found in the packet is part of the identity.
 */
import * as at from './connection-layout.ts';
import type { CoreContext } from './core-context.ts';
import type { DestinationEntry } from './destination-entry.ts';
import type { Flow } from './flow.ts';
import type { Packet } from './packet.ts';
import type { ServiceEntry } from './service-entry.ts';
import { sipCallId } from './sip.ts';

const FTP_PORT = 21;

/** No template and no destination to make one with. */
export const NO_DESTINATION = -1;
export const TABLE_FULL = -2;
/** The persistence engine found nothing in the packet. */
export const NOTHING_TO_GO_BY = -3;

/** The template for this first packet, made if need be: a connection number, or one of the above. `only`: the destination it must lead to. */
export function templateFor(core: CoreContext, service: ServiceEntry, flow: Flow, p: Packet, only: DestinationEntry | null = null): number {
  const key = core.templateFlow;
  fillTemplateFlow(key, service, flow);
  let engineData: string | null = null;
  if (service.persistenceEngine !== null) {
    engineData = sipCallId(p);
    if (engineData === null) return NOTHING_TO_GO_BY;
  }
  const found = engineData === null ? findTemplate(core, key) : core.connections.engineTemplates.find(engineKey(key, engineData));
  if (found >= 0) {
    if (usable(core, found) && (only === null || destinationOf(core, found) === only)) {
      core.trace?.step('template', `follows the persistence template to ${destinationOf(core, found)?.address ?? 'nobody'}`);
      return found;
    }
    core.connections.invalidate(found);
    core.trace?.step('template', 'the template\'s destination is gone or quiesced; a new one is made');
  }
  return createTemplate(core, service, flow, key, engineData, only);
}

/** The destination a template leads to. */
export function destinationOf(core: CoreContext, conn: number): DestinationEntry | undefined {
  return core.services.destinations[core.connections.words[conn * at.CONN_WORDS + at.DESTINATION] as number];
}

function createTemplate(core: CoreContext, service: ServiceEntry, flow: Flow, key: Flow, engineData: string | null, only: DestinationEntry | null): number {
  const { connections } = core;
  const destination = only ?? service.scheduler.schedule(service, flow);
  if (destination === null) return NO_DESTINATION;
  const rawPort = flow.virtualPort === service.rawPort && service.port !== FTP_PORT ? destination.rawPort : 0;
  const template = connections.create(key, destination, rawPort, at.CONN_TEMPLATE | (engineData === null ? 0 : at.CONN_ENGINE), core.nowMs);
  if (template < 0) return TABLE_FULL;
  if (engineData !== null) connections.engineTemplates.bind(template, { key: engineKey(key, engineData), engine: service.persistenceEngine as string, data: engineData });
  connections.setTimeout(template, service.persistenceMs, core.nowMs);
  core.trace?.step('template', `new persistence template to ${destination.address}`);
  return template;
}

function fillTemplateFlow(key: Flow, service: ServiceEntry, flow: Flow): void {
  const { mask } = service;
  key.family = flow.family;
  key.protocol = flow.protocol;
  key.c0 = flow.c0 & (mask[0] as number);
  key.c1 = flow.c1 & (mask[1] as number);
  key.c2 = flow.c2 & (mask[2] as number);
  key.c3 = flow.c3 & (mask[3] as number);
  key.v0 = flow.v0; key.v1 = flow.v1; key.v2 = flow.v2; key.v3 = flow.v3;
  key.clientPort = 0;
  key.virtualPort = 0;
  if (flow.virtualPort === service.rawPort) {
    if (service.port !== FTP_PORT) key.virtualPort = flow.virtualPort;
  } else if (service.fwmark !== 0) {
    key.protocol = 0;
    key.v0 = service.rawFwmark;
    key.v1 = key.v2 = key.v3 = 0;
  }
}

function findTemplate(core: CoreContext, key: Flow): number {
  const entry = core.connections.find(key.family, key.protocol, key.c0, key.c1, key.c2, key.c3, key.v0, key.v1, key.v2, key.v3,
    key.virtualPort << 16, at.KEY_TEMPLATE);
  return entry < 0 ? -1 : entry >> 1;
}

/** A template is used while its destination is there and, with expire_quiescent_template, not quiesced (ip_vs_check_template). */
function usable(core: CoreContext, template: number): boolean {
  const destination = destinationOf(core, template);
  return destination !== undefined && destination.available && !(core.sysctl.expire_quiescent_template !== 0 && destination.weight === 0);
}

/** Identity of a template of a persistence engine. */
export function engineKey(key: Flow, data: string): string {
  return `${key.family} ${key.protocol} ${key.c0} ${key.c1} ${key.c2} ${key.c3} ${key.v0} ${key.v1} ${key.v2} ${key.v3} ${key.virtualPort} ${data}`;
}
