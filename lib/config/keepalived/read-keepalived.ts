/**
 * keepalived.conf (2.2) to a desired configuration: the part about virtual servers completely, VRRP parsed and kept. As keepalived, it goes on
 * over every mistake; each one is a diagnostic with what became of it.
 */
import type { DesiredConfiguration } from '../../model/desired-configuration.ts';
import type { ConfigHost } from '../config-host.ts';
import { Diagnostics } from '../diagnostics.ts';
import { bfdKeyword, type BfdInstance } from './bfd-keyword.ts';
import { BlockParser, type Keyword, type KeywordTable } from './block-parser.ts';
import { checkerKeywords } from './checkers.ts';
import type { Group, ServiceDraft, TrackFile } from './draft.ts';
import { checkScriptSecurity, finishServices } from './finish-services.ts';
import { emptyGlobals, finishGlobals, globalKeyword } from './global-keywords.ts';
import { groupKeyword } from './group-keyword.ts';
import { LineSource } from './line-source.ts';
import { ScriptRules } from './scripts.ts';
import { serviceReader } from './service-keywords.ts';
import { trackFileKeyword } from './track-file-keyword.ts';
import { Values } from './values.ts';
import { checkVrrp, keptBody, type KeptBlock } from './vrrp.ts';
import { KEPT_BLOCKS, TOP_WORDS } from './words.ts';

export function readKeepalived(path: string, host: ConfigHost): DesiredConfiguration {
  const diagnostics = new Diagnostics();
  const source = new LineSource(path, host, diagnostics);
  const values = new Values(diagnostics);
  const scripts = new ScriptRules(host);
  const groups = new Map<string, Group>();
  const trackFiles = new Map<string, TrackFile>();
  const bfdInstances = new Map<string, BfdInstance>();
  const services: ServiceDraft[] = [];
  const kept: KeptBlock[] = [];
  const globals = emptyGlobals();
  if (!source.opened) diagnostics.error({ file: path, line: 0 }, 'no such file, or not to be read', 'nothing is configured');

  const reader = serviceReader({ diagnostics, values, services, scripts }, (server) => checkerKeywords({ diagnostics, values, scripts, trackFiles, bfdInstances, server }));
  const trackFile = trackFileKeyword(trackFiles, diagnostics, values);
  const keep = (name: string): Keyword => ({
    itemsOptional: true,
    items: (line, items) => {
      kept.push({ name, line, items });
    },
  });
  const keptWord: Keyword = { read: (line) => { values.word(line); } };
  const table: KeywordTable = {
    ...Object.fromEntries(TOP_WORDS.map((name) => [name, {}])),
    ...Object.fromEntries(KEPT_BLOCKS.map((name) => [name, keep(name)])),
    bfd_instance: bfdKeyword(bfdInstances, diagnostics, values),
    instance: { read: (line) => { const name = values.word(line); if (name !== null) source.instance = name; } },
    SSL: {
      read: (line) => diagnostics.note(line.place, 'checks have no client certificate', 'SSL_GET offers none to its server', 'SSL'),
      block: { password: keptWord, ca: keptWord, certificate: keptWord, key: keptWord },
    },
    global_defs: globalKeyword(globals, scripts, source, values, diagnostics),
    virtual_server_group: groupKeyword(groups, diagnostics, values),
    virtual_server: reader.keyword,
    track_file: trackFile,
    vrrp_track_file: trackFile,
  };
  new BlockParser(source, diagnostics).parse(table);

  checkVrrp(kept, { strict: globals.vrrpStrict, version: globals.vrrpVersion }, host, diagnostics);
  const finished = finishServices(services, { diagnostics, groups, trackFiles, host, smtpAlert: globals.smtpAlert, foldedFrom: globals.nftablesIpvs ? globals.foldedFrom : null });
  checkScriptSecurity(finished, services, scripts, diagnostics);
  return {
    format: 'keepalived', files: source.files, services: finished,
    globals: finishGlobals(globals), diagnostics: diagnostics.list,
    kept: [...kept.map(({ name, line, items }) => ({ name: line.words.slice(0, 2).join(' '), file: line.place.file, line: line.place.line, body: { block: name, words: line.words, items: keptBody(items) } })), ...[...bfdInstances.values()].map(({ name, line, settings }) => ({ name: `bfd_instance ${name}`, file: line.place.file, line: line.place.line, body: { block: 'bfd_instance', words: line.words, items: settings } }))],
  };
}
