/**
 * Runs test files, three at a time since those on networks mostly wait, and prints their TAP (cli/bootstrap.mjs reads it). In place of tap's own
 * runner, which loads its coverage hooks into every test file and every program that one starts: 1.6 s of processor time each, for coverage that is
 * not used.
 *
 *   node run-files.js FILE...
 */
import t from 'tap';

const JOBS = 3;
/** For each file; the long versions of the system tests take what they take. */
const TIMEOUT_SEC = process.env['TSIPVS_SYSTEM_TESTS'] === 'full' ? 3600 : 240;

t.jobs = JOBS;
t.setTimeout(0);
const env = { ...process.env, TAP_TIMEOUT: String(TIMEOUT_SEC) };
for (const file of process.argv.slice(2)) {
  // NB: env, because tap puts its hooks into NODE_OPTIONS of what it spawns.
  void t.spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, '--enable-source-maps', file], { buffered: true, timeout: TIMEOUT_SEC * 1000, env }, file);
}
