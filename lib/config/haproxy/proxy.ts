/** A proxy section as read: what the converter will look at. defaults are copied into the sections behind them. */
import type { Place } from '../diagnostics.ts';

export interface BindPlace { readonly text: string; readonly place: Place }
export interface ServerLine { readonly words: readonly string[]; readonly place: Place; readonly defaults: readonly string[]; /** Of a server-template: how many servers it stands for. */ readonly copies?: number }

export interface Proxy {
  readonly kind: string;
  readonly name: string;
  readonly place: Place;
  mode: string;
  balance: { readonly words: readonly string[]; readonly place: Place } | null;
  consistent: boolean;
  defaultBackend: { readonly name: string; readonly place: Place } | null;
  disabled: boolean;
  /** Backends that conditions choose. */
  uses: { readonly name: string; readonly place: Place }[];
  binds: BindPlace[];
  servers: ServerLine[];
  serverDefaults: string[];
  checkOption: { readonly name: string; readonly words: readonly string[] } | null;
  /** Rules of its own replace those of its defaults. */
  ownRules: boolean;
  checkSteps: { readonly words: readonly string[]; readonly place: Place }[];
  httpCheck: { readonly words: readonly string[]; readonly place: Place }[];
  timeoutsSec: Record<string, number>;
  /** Of a stick table of client addresses that is used for persistence. */
  stickSec: number | null;
  stickOnSource: boolean;
  externalCommand: string | null;
}

export function newProxy(kind: string, name: string, place: Place, defaults: Proxy | null): Proxy {
  return {
    kind, name, place, mode: defaults?.mode ?? 'tcp', balance: defaults?.balance ?? null, consistent: defaults?.consistent ?? false, defaultBackend: defaults?.defaultBackend ?? null, disabled: defaults?.disabled ?? false,
    uses: [], binds: [], servers: [], serverDefaults: [...(defaults?.serverDefaults ?? [])], checkOption: defaults?.checkOption ?? null, ownRules: false, checkSteps: [...(defaults?.checkSteps ?? [])], httpCheck: [...(defaults?.httpCheck ?? [])], timeoutsSec: { ...(defaults?.timeoutsSec ?? {}) },
    stickSec: null, stickOnSource: false, externalCommand: defaults?.externalCommand ?? null,
  };
}

/** Called before a section's first check rule. */
export function forgetInheritedRules(proxy: Proxy): void {
  if (proxy.ownRules) return;
  proxy.ownRules = true;
  proxy.checkSteps = [];
  proxy.httpCheck = [];
}
