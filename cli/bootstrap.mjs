#!/usr/bin/env node
/**
 * What `npm start`, `npm test` and `npm run build` do. Plain Node without dependencies, because it runs in a bare clone: no
 * node_modules, perhaps no compiler and no iproute2. It brings what is missing (npm packages, Debian packages when root),
 * says so, builds, and then hands over.
 *
 *   node cli/bootstrap.mjs --build [--prebuild]     node_modules, native shim, dist/, dist/bin/ (--prebuild: also the packed shim)
 *   node cli/bootstrap.mjs --test [FILE-PART...]    build, then every compiled test whose path contains one of the parts
 *   node cli/bootstrap.mjs --demo [ARG...]          build, then `tsipvs lab demo --mode all ARG...`
 *   node cli/bootstrap.mjs --golden DIR... [ARG...]  build if nothing is built yet, then play recordings of the real director
 *   node cli/bootstrap.mjs --oracle | --bench | --bench-core [ARG...]     likewise: the differential test, the live bench, the core's bench
 */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const isRoot = process.getuid?.() === 0;

/** What each mode needs of Debian: [package, how to see that it is there]. */
const DEBIAN_PACKAGES = {
  build: [['gcc', () => ['cc', 'gcc', 'clang'].some(onPath)], ['libc6-dev', () => existsSync('/usr/include/stdio.h')]],
  test: [['iproute2', () => onPath('ip')], ['curl', () => onPath('curl')], ['tcpdump', () => onPath('tcpdump')], ['nftables', () => onPath('nft')], ['ethtool', () => onPath('ethtool')]],
  demo: [['iproute2', () => onPath('ip')], ['curl', () => onPath('curl')]],
  bench: [
    ['iproute2', () => onPath('ip')], ['nftables', () => onPath('nft')], ['ethtool', () => onPath('ethtool')], ['gcc', () => onPath('gcc')], ['libc6-dev', () => existsSync('/usr/include/stdio.h')],
    ['procps', () => onPath('sysctl')], ['iperf3', () => onPath('iperf3')], ['haproxy', () => onPath('haproxy')], ['nginx', () => onPath('nginx')],
    ['libnginx-mod-stream', () => existsSync('/usr/lib/nginx/modules/ngx_stream_module.so')],
  ],
};

/** Bundles: [entry, output, executable]. Each program is one file, so that it starts fast and needs no node_modules. */
const BUNDLES = [
  ['cli/tsipvs.ts', 'tsipvs.js', true],
  ['cli/tsipvsadm.ts', 'tsipvsadm.js', true],
  ['cli/tsipvsd.ts', 'tsipvsd.js', true],
  ['cli/tsgenhash.ts', 'tsgenhash.js', true],
  ['lib/dataplane/worker.ts', 'worker.js', false],
  ['lib/dataplane/forwarder-worker.ts', 'forwarder-worker.js', false],
  ['lib/laboratory/report/index.ts', 'laboratory-report.js', false],
];

/** What a program loads by `await import()` from a bundle beside it, so that commands which never need it do not read it: [source, bundle]. */
const LOADED_LATE = [[/\/laboratory\/report\/index\.ts$/, './laboratory-report.js']];
const loadedLate = {
  name: 'loaded late',
  setup({ onResolve }) {
    for (const [filter, path] of LOADED_LATE) onResolve({ filter }, ({ kind }) => (kind === 'dynamic-import' ? { path, external: true } : undefined));
  },
};

/** Names on PATH for those who put dist/bin there: the programs without .js, and ipvsadm itself. */
const LINKS = [
  ['tsipvs', 'tsipvs.js'], ['tsipvsadm', 'tsipvsadm.js'], ['tsipvsd', 'tsipvsd.js'],
  ['tsgenhash', 'tsgenhash.js'], ['genhash', 'tsgenhash.js'],
  ['ipvsadm', 'tsipvsadm.js'], ['ipvsadm-save', 'tsipvsadm.js'], ['ipvsadm-restore', 'tsipvsadm.js'],
];

const MODES = {
  '--build': build, '--test': test, '--demo': demo,
  '--golden': builtProgram('test/support/golden-cli.js'), '--oracle': builtProgram('test/oracle/run.js'),
  '--bench': builtProgram('bench/system/run.js', ['bench']), '--bench-core': builtProgram('bench/path/run.js'),
};

const [mode, ...rest] = process.argv.slice(2);
const run = MODES[mode];
if (run === undefined) {
  console.error(`bootstrap: say one of ${Object.keys(MODES).join(', ')}`);
  process.exit(2);
}
try {
  process.exitCode = await run(rest);
} catch (error) {
  console.error(`bootstrap: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}

// --- the modes

async function build(args, needs = []) {
  provideDebianPackages(['build', ...needs]);
  provideNodeModules();
  compileShim(args.includes('--prebuild'));
  compileTypeScript();
  await bundle();
  return 0;
}

/** A mode that runs one compiled program with the given arguments, after building if nothing is built yet. */
function builtProgram(path, needs = []) {
  return async (args) => {
    const program = join(ROOT, 'dist', path);
    if (!existsSync(program)) await build([]);
    provideDebianPackages(needs);
    // Ctrl-C reaches the program too; wait while it cleans up.
    process.on('SIGINT', () => {});
    return spawnSync(process.execPath, [program, ...args], { stdio: 'inherit' }).status ?? 1;
  };
}

async function test(filters) {
  await build([], ['test']);
  const wanted = filters.filter((filter) => !filter.startsWith('-'));
  const files = filesBelow(join(ROOT, 'dist/test'), '.test.js').map((file) => relative(ROOT, file))
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part.replace(/\.ts$/, '.js')))).sort();
  if (files.length === 0) throw new Error(`no test file matches ${wanted.join(' ')}`);
  const { passed, failed, status } = await runTap(files);
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 || status !== 0 ? 1 : 0;
}

async function demo(args) {
  await build([], isRoot ? ['demo'] : []);
  const inNamespaces = isRoot && onPath('ip');
  if (!inNamespaces) console.log(`${isRoot ? 'Without iproute2' : 'Without root'} there are no network namespaces: running the in-memory lab instead (as root, npm start runs real HTTP through real namespaces).`);
  const command = inNamespaces ? ['lab', 'demo', '--mode', 'all', ...args] : ['lab', 'demo', '--memory', ...args];
  // Ctrl-C reaches the demonstration too; wait while it takes its networks down.
  process.on('SIGINT', () => {});
  return spawnSync(process.execPath, [join(ROOT, 'dist/bin/tsipvs.js'), ...command], { stdio: 'inherit' }).status ?? 1;
}

// --- what has to be there first

function provideDebianPackages(modes) {
  const missing = [...new Set(modes.flatMap((name) => DEBIAN_PACKAGES[name].filter(([, present]) => !present()).map(([name]) => name)))];
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (!isRoot || !onPath('apt-get')) {
    console.log(`Missing on this machine: ${missing.join(', ')}. ${onPath('apt-get') ? `Install with: sudo ${command}` : 'Install them with your package manager.'} Going on without.`);
    return;
  }
  console.log(`Missing on this machine: ${missing.join(', ')}. Installing: ${command}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = (stderr) => spawnSync('apt-get', command.split(' ').slice(1), { stdio: ['ignore', 'ignore', stderr], env }).status === 0;
  // The first try fails quietly where no package lists were fetched yet.
  if (install('ignore')) return;
  spawnSync('apt-get', ['update'], { stdio: ['ignore', 'ignore', 'inherit'], env });
  if (!install('inherit')) console.log('apt-get failed; going on without.');
}

/** npm ci, unless node_modules is what package-lock.json asks for. */
function provideNodeModules() {
  const stale = staleNodeModules();
  if (stale === null) return;
  console.log(`npm ci (${stale})`);
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, [process.env.npm_execpath, ...args]] : ['npm', args];
  const { status, error } = spawnSync(npm[0], npm[1], { cwd: ROOT, stdio: 'inherit' });
  if (error !== undefined) throw new Error(`cannot run npm: ${error.message}`);
  if (status !== 0) throw new Error('npm ci failed');
}

function staleNodeModules() {
  const installedLock = join(ROOT, 'node_modules/.package-lock.json');
  if (!existsSync(installedLock)) return 'no node_modules yet';
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedLock, 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    // Optional packages (cap, raw-socket, other platforms' binaries) may be absent for good reasons.
    if (path === '' || entry.link === true || (entry.optional === true && installed[path] === undefined)) continue;
    if (installed[path]?.version !== entry.version) return `${path} is not ${entry.version}`;
  }
  return null;
}

/** Without a C compiler the director still runs in memory (replay, lab, --device none), so this is no error. */
function compileShim(prebuild) {
  const script = join(ROOT, 'native-shims/build.mjs');
  for (const args of prebuild ? [[], ['--prebuild']] : [[]]) {
    if (spawnSync(process.execPath, [script, ...args], { cwd: ROOT, stdio: 'inherit' }).status !== 0) {
      if (prebuild) throw new Error('the native shim must compile before packing');
      console.log('The native shim did not compile: live devices will not be available.');
      return;
    }
  }
}

function compileTypeScript() {
  const dist = join(ROOT, 'dist');
  if (!existsSync(join(dist, 'lib'))) rmSync(join(dist, '.tsbuildinfo'), { force: true });
  // What has no source any more must not be tested or packed.
  for (const part of ['lib', 'cli', 'native-shims', 'test', 'bench']) {
    for (const file of filesBelow(join(dist, part), '')) {
      const source = relative(dist, file).replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts');
      if (!existsSync(join(ROOT, source))) rmSync(file);
    }
  }
  const { status } = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json'], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) throw new Error('TypeScript errors, see above');
}

async function bundle() {
  const bin = join(ROOT, 'dist/bin');
  rmSync(bin, { recursive: true, force: true });
  mkdirSync(bin, { recursive: true });
  const esbuild = createRequire(join(ROOT, 'package.json'))('esbuild');
  for (const [entry, name, executable] of BUNDLES) {
    const outfile = join(bin, name);
    const options = {
      absWorkingDir: ROOT, entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm', target: 'node20',
      external: ['cap', 'raw-socket'], legalComments: 'none', logLevel: 'error', plugins: [loadedLate],
    };
    const { metafile } = await esbuild.build({ ...options, metafile: true });
    // CommonJS packages ask for `require`, which a module does not have; programs without them start faster without it.
    const needsRequire = Object.keys(metafile.inputs).some((input) => /node_modules\/(prom-client|yargs)\//.test(input));
    const head = [
      ...(executable ? ['#!/usr/bin/env node'] : []),
      ...(needsRequire ? ["import { createRequire as bundleRequire } from 'node:module'; const require = bundleRequire(import.meta.url);"] : []),
    ];
    writeFileSync(outfile, [...head, readFileSync(outfile, 'utf8').replace(/^#!.*\n/, '')].join('\n'));
    if (executable) chmodSync(outfile, 0o755);
  }
  for (const [name, target] of LINKS) if (existsSync(join(bin, target)) && !linkExists(join(bin, name))) symlinkSync(target, join(bin, name));
}

// --- tests

/** Run the files; print one line a passing file, everything of a failing one, and each skipped test with its reason. */
async function runTap(files) {
  const child = spawn(process.execPath, [join(ROOT, 'dist/test/support/run-files.js'), ...files], { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
  let passed = 0;
  let failed = 0;
  let verdict = null;
  let block = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const summary = /^# \{ total: \d+(.*) \}$/.exec(line);
    if (summary !== null) {
      passed = Number(/pass: (\d+)/.exec(summary[1])?.[1] ?? 0);
      failed = Number(/fail: (\d+)/.exec(summary[1])?.[1] ?? 0);
    }
    block.push(line);
    // The verdict of a file comes after its output, or before it with the output in braces.
    const result = /^(?:not )?ok \d+ - .*?( \{)?$/.exec(line);
    if (result !== null) verdict = line.replace(/ \{$/, '');
    if (line === '}' || (result !== null && result[1] === undefined)) {
      printFile(verdict, block);
      block = [];
    }
  }
  console.log(block.filter((line) => /^\s*(#|Bail)/.test(line)).join('\n'));
  const status = await exit;
  return { passed, failed: failed === 0 && status !== 0 ? 1 : failed, status };
}

function printFile(verdict, block) {
  if (verdict.startsWith('not ok')) {
    console.log(block.join('\n'));
    return;
  }
  console.log(verdict);
  for (const line of block) {
    const skipped = /^ +ok \d+ - (.*?) # (?:time=\S+ )?SKIP ?(.*)$/i.exec(line);
    if (skipped !== null) console.log(`     skipped: ${skipped[1]} (${skipped[2]})`);
  }
}

// --- small things

function onPath(program) {
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return statSync(join(directory, program)).isFile();
    } catch {
      return false;
    }
  });
}

function filesBelow(directory, suffix) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

function linkExists(path) {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
