/**
 * The map's import directions (lib/README.md), enforced: every relative import of every source file must be on its folder's list,
 * nothing points up, and there are no cycles. Type-only imports count for direction but not for cycles, since they vanish.
 */
import t from 'tap';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const ROOT = projectRoot();

/** Folder or file (longest prefix wins) -> what it may import besides its own folder. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'lib/wire': [],
  'lib/structures': [],
  'lib/model': ['lib/wire/address.ts'],
  'lib/schedulers': ['lib/model', 'lib/structures', 'lib/wire'],
  'lib/schedulers/names.ts': ['lib/model'],
  'lib/health': ['lib/model', 'lib/structures', 'lib/wire', 'lib/device'],
  'lib/config': ['lib/model', 'lib/structures', 'lib/wire', 'lib/schedulers/names.ts'],
  'lib/metrics': ['lib/model', 'lib/structures', 'lib/wire'],
  'lib/device': ['native-shims', 'lib/wire', 'lib/model'],
  'lib/dataplane': ['lib/wire', 'lib/structures', 'lib/model', 'lib/schedulers', 'lib/device/device.ts'],
  'lib/dataplane/forwarder-worker.ts': ['lib/device', 'native-shims', 'lib/wire', 'lib/model'],
  'lib/dataplane/worker-sleep.ts': ['native-shims'],
  'lib/dataplane/worker.ts': ['lib/device', 'native-shims', 'lib/wire', 'lib/structures', 'lib/model', 'lib/schedulers'],
  'lib/control': ['lib/model', 'lib/schedulers/names.ts', 'lib/wire', 'lib/config', 'lib/structures', 'lib/health'],
  'lib/replay': ['lib/dataplane', 'lib/model', 'lib/device', 'lib/wire', 'lib/config', 'lib/control', 'lib/structures'],
  'lib/charts': [],
  'lib/laboratory': ['lib/charts', 'lib/dataplane', 'lib/model', 'lib/device', 'lib/wire', 'lib/config', 'lib/control', 'lib/schedulers', 'lib/structures'],
  // The laboratory without root: the real data plane among simulated hosts.
  'lib/lab/simulated-network.ts': ['lib/dataplane', 'lib/model', 'lib/wire'],
  'lib/lab': ['lib/model', 'lib/wire', 'lib/config', 'lib/control', 'lib/device', 'native-shims'],
  // What builds and wires everything.
  'lib/director.ts': ['lib', 'native-shims'],
  'lib/daemon.ts': ['lib', 'native-shims'],
  'lib/live-plane.ts': ['lib', 'native-shims'],
  'lib/live-devices.ts': ['lib/device', 'lib/model'],
  'lib/live-interfaces.ts': ['lib/model'],
  'lib/live-workers.ts': ['lib/model'],
  'lib/configured-mirror.ts': ['lib/model'],
  'lib/guard-linger.ts': ['lib/model'],
  'lib/configuration-file.ts': ['lib/config', 'lib/control', 'lib/model'],
  'lib/file-watch.ts': [],
  'lib/rules-file.ts': ['lib/config', 'lib/control', 'lib/model'],
  'lib/package-version.ts': [],
  'lib/service-manager.ts': ['native-shims'],
  'lib/index.ts': ['lib'],
  'cli': ['lib/control', 'lib/model', 'lib/config', 'lib/replay', 'lib/laboratory', 'lib/lab', 'lib/schedulers/names.ts', 'lib/wire/address.ts'],
  'cli/tsgenhash.ts': ['lib/health', 'cli/genhash'],
  // The daemon's command starts the director; no other command may.
  ...Object.fromEntries(['cli/tsipvsd.ts', 'cli/tsipvsd-options.ts', 'cli/tsipvsd'].map((file) => [
    file, ['lib/control', 'lib/model', 'lib/config', 'lib/metrics', 'lib/director.ts', 'lib/daemon.ts', 'lib/service-manager.ts', 'lib/package-version.ts'],
  ])),
  'native-shims': [],
};

interface Import { readonly from: string; readonly to: string; readonly typeOnly: boolean }

const sources = ['lib', 'cli', 'native-shims'].flatMap((folder) => filesBelow(join(ROOT, folder))).filter((file) => file.endsWith('.ts'));
const imports = sources.flatMap(importsOf);

t.test('the parser sees imports of every form', async (t) => {
  const text = [
    "import t from './a.ts';", "import type { X } from './b.ts';", "export { y } from './c.ts';", "const z = await import('./d.ts');",
    "import './e.ts';", "import {\n  one,\n  two,\n} from './f.ts';", "export type { T } from './g.ts';", "type U = import('./h.ts').U;", "// import './no.ts';",
  ].join('\n');
  t.same(statements(text), [['./a.ts', false], ['./b.ts', true], ['./c.ts', false], ['./d.ts', false], ['./e.ts', false], ['./f.ts', false], ['./g.ts', true], ['./h.ts', true]]);
});

t.test('imports point one way', async (t) => {
  t.ok(imports.length > 20, 'there is something to check');
  t.same(imports.filter(({ from, to }) => !allowed(from, to)).map(({ from, to }) => `${from} must not import ${to}`), []);
});

t.test('every source folder has its rule', async (t) => {
  t.same(sources.map((file) => relative(ROOT, file)).filter((file) => ruleOf(file) === undefined), []);
});

t.test('every relative import names a file that exists', async (t) => {
  t.same(imports.filter(({ to }) => !existsSync(join(ROOT, to))).map(({ from, to }) => `${from} -> ${to}`), []);
});

t.test('there are no import cycles', async (t) => {
  const edges = new Map<string, string[]>();
  for (const { from, to, typeOnly } of imports) if (!typeOnly) edges.set(from, [...(edges.get(from) ?? []), to]);
  t.same(cyclesIn(edges), []);
});

function allowed(from: string, to: string): boolean {
  const rule = ruleOf(from) ?? '';
  const own = rule.endsWith('.ts') ? dirname(rule) : rule;
  return [own, ...(MAY_IMPORT[rule] ?? [])].some((target) => to === target || to.startsWith(`${target}/`));
}

function ruleOf(file: string): string | undefined {
  return Object.keys(MAY_IMPORT).filter((rule) => file === rule || file.startsWith(`${rule}/`)).sort((a, b) => b.length - a.length)[0];
}

function importsOf(file: string): Import[] {
  return statements(readFileSync(file, 'utf8')).filter(([target]) => target.startsWith('.')).map(([target, typeOnly]) => ({
    from: relative(ROOT, file), to: relative(ROOT, resolve(dirname(file), target)), typeOnly,
  }));
}

/** Module names of one source text and whether only types come from there. */
function statements(text: string): [string, boolean][] {
  const found: [number, string, boolean][] = [];
  const code = text.replace(/^\s*(\/\/|\*|\/\*).*$/gm, (comment) => ' '.repeat(comment.length));
  for (const match of code.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]/gm)) found.push([match.index, match[2]!, match[1] !== undefined]);
  for (const match of code.matchAll(/(\btype\s[^\n]*?)?\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) found.push([match.index, match[2]!, match[1] !== undefined]);
  return found.sort((a, b) => a[0] - b[0]).map(([, target, typeOnly]) => [target, typeOnly]);
}

/** One line for each cycle, depth first; a file is visited once. */
function cyclesIn(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    if (path.includes(file)) {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const next of edges.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of edges.keys()) visit(file);
  return cycles;
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)]);
}

/** Compiled tests run from below the output folder: the sources are beside package.json. */
function projectRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
