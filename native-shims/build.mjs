/**
 * Builds the native part with the C compiler alone: no node-gyp, no Python, no network. Plain JavaScript, because it runs before
 * anything is compiled.
 *
 *   node native-shims/build.mjs              compile into native-shims/build/Release/tsipvs.node; non-zero exit when it cannot
 *   node native-shims/build.mjs --install    npm's install script: compile if possible, else rely on the prebuilt file, never fail
 *   node native-shims/build.mjs --prebuild   compile and copy into native-shims/prebuilt/ for `npm pack`
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const here = import.meta.dirname ?? dirname(new URL(import.meta.url).pathname);
const sources = join(here, 'src');
const built = join(here, 'build', 'Release', 'tsipvs.node');
const prebuilt = join(here, 'prebuilt', `linux-${process.arch}.node`);

/** Where node_api.h lies: the node-api-headers package, else the headers that came with this Node. */
function headerDirectory() {
  const candidates = [];
  try {
    candidates.push(createRequire(import.meta.url)('node-api-headers').include_dir);
  } catch {
    // Not installed: a production install has no development dependencies.
  }
  candidates.push(join(dirname(process.execPath), '..', 'include', 'node'), '/usr/include/node', '/usr/include/nodejs/src');
  return candidates.find((directory) => existsSync(join(directory, 'node_api.h')));
}

function compiler() {
  return [process.env.CC, 'cc', 'gcc', 'clang'].find((name) => name && spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0);
}

/** Null when done, else one line saying what is missing. */
function compile() {
  if (process.platform !== 'linux') return `tsipvs runs on Linux only, this is ${process.platform}`;
  const cc = compiler();
  if (!cc) return 'no C compiler found (Debian: apt-get install gcc libc6-dev)';
  const include = headerDirectory();
  if (!include) return 'node_api.h not found (npm install node-api-headers)';
  const files = readdirSync(sources).filter((name) => name.endsWith('.c')).map((name) => join(sources, name));
  mkdirSync(dirname(built), { recursive: true });
  // NB: nodelete: a thread of its own may outlive the last environment that has it loaded.
  const temporary = `${built}.${process.pid}`;
  const run = spawnSync(cc, ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-fPIC', '-fvisibility=hidden', '-pthread', '-shared', '-Wl,-z,nodelete', `-I${include}`, '-o', temporary, ...files], {
    encoding: 'utf8',
  });
  if (run.status !== 0) {
    rmSync(temporary, { force: true });
    return `${cc} failed:\n${run.stderr}`;
  }
  if (run.stderr) process.stderr.write(run.stderr);
  // Renamed into place, so that a process that has the old one mapped keeps it.
  renameSync(temporary, built);
  return null;
}

function isFresh() {
  if (!existsSync(built)) return false;
  const builtAt = statSync(built).mtimeMs;
  return readdirSync(sources).every((name) => statSync(join(sources, name)).mtimeMs <= builtAt);
}

const install = process.argv.includes('--install');
const failure = isFresh() ? null : compile();
if (failure && install) {
  const rest = existsSync(prebuilt) ? 'using the prebuilt file' : 'live devices will not work until it is built; replay and the command line do';
  process.stderr.write(`tsipvs: native part not compiled: ${failure}; ${rest}\n`);
} else if (failure) {
  process.stderr.write(`tsipvs: native part not compiled: ${failure}\n`);
  process.exitCode = 1;
} else if (process.argv.includes('--prebuild')) {
  mkdirSync(dirname(prebuilt), { recursive: true });
  copyFileSync(built, prebuilt);
}
