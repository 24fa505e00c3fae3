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
import { DROP } from '../model/drop-reason.ts';
import * as at from './connection-layout.ts';
import type { CoreContext } from './core-context.ts';
import type { Chooser, Decision } from './decision.ts';
import type { DestinationEntry } from './destination-entry.ts';
import type { Flow } from './flow.ts';
import type { Packet } from './packet.ts';
import type { ServiceEntry } from './service-entry.ts';
import { sipCallId } from './sip.ts';

const FTP_PORT = 21;

/**
 * The destination of this first packet and the template that leads to it, found or to be made, into `decision`. False when there is none, or when the
 * engine found nothing in the packet, which is then refused. `only`: the destination it must lead to.
 */
export function decideTemplate(core: CoreContext, service: ServiceEntry, flow: Flow, p: Packet, chooser: Chooser, decision: Decision, only: DestinationEntry | null = null): boolean {
  const key = core.templateFlow;
  fillTemplateFlow(key, service, flow);
  if (service.persistenceEngine !== null) {
    decision.engineData = sipCallId(p);
    if (decision.engineData === null) {
      core.trace?.step('template', 'the packet holds no Call-ID for the sip persistence engine');
      decision.refuse(DROP.persistenceEngine);
      return false;
    }
    core.trace?.step('template', `sip persistence engine, Call-ID ${decision.engineData}`);
  }
  const found = decision.engineData === null ? findTemplate(core, key) : core.connections.engineTemplates.find(engineKey(key, decision.engineData));
  if (found >= 0) {
    const remembered = destinationOf(core, found);
    if (remembered !== undefined && usable(core, remembered) && (only === null || remembered === only)) {
      core.trace?.step('template', `follows the persistence template to ${remembered.address}`);
      decision.template = found;
      decision.destination = remembered;
      return true;
    }
    core.trace?.step('template', 'the template\'s destination is gone or quiesced; a new one is made');
    decision.staleTemplate = found;
  }
  const destination = only ?? chooser.pick(service, flow);
  if (destination === null) return false;
  core.trace?.step('template', `new persistence template to ${destination.address}`);
  decision.makesTemplate = true;
  decision.templateRawPort = flow.virtualPort === service.rawPort && service.port !== FTP_PORT ? destination.rawPort : 0;
  decision.destination = destination;
  return true;
}

/** The template that was decided on, for the flow in core.templateFlow: its number, or -1 when the table is full. */
export function createTemplate(core: CoreContext, service: ServiceEntry, decision: Decision): number {
  const { connections, templateFlow: key } = core;
  const { engineData } = decision;
  const template = connections.create(key, decision.destination, decision.templateRawPort, at.CONN_TEMPLATE | (engineData === null ? 0 : at.CONN_ENGINE), core.nowMs);
  if (template < 0) return -1;
  if (engineData !== null) connections.engineTemplates.bind(template, { key: engineKey(key, engineData), engine: service.persistenceEngine as string, data: engineData });
  connections.setTimeout(template, service.persistenceMs, core.nowMs);
  return template;
}

/** The destination a connection or template leads to. */
export function destinationOf(core: CoreContext, conn: number): DestinationEntry | undefined {
  return core.services.destinations[core.connections.words[conn * at.CONN_WORDS + at.DESTINATION] as number];
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
function usable(core: CoreContext, destination: DestinationEntry): boolean {
  return destination.available && !(core.sysctl.expire_quiescent_template !== 0 && destination.weight === 0);
}

/** Identity of a template of a persistence engine. */
export function engineKey(key: Flow, data: string): string {
  return `${key.family} ${key.protocol} ${key.c0} ${key.c1} ${key.c2} ${key.c3} ${key.v0} ${key.v1} ${key.v2} ${key.v3} ${key.virtualPort} ${data}`;
}
