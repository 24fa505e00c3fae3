/**
 * Loaded into every test process by the test runner (cli/bootstrap.mjs). tap adds a loader of its own to every Node process that a test
 * starts, for coverage, which we do not use; it makes each of our programs start several times slower. Where tap's way of doing so is
 * not the one known here, tests are slower and that is all.
 */
const hook = await import('process-on-spawn').then((module) => module.default, () => null);

// NB: a listener that comes later has the last word, and tap's may not be there yet.
if (hook !== null) {
  setImmediate(() => hook.addListener((child) => {
    delete child.env.NODE_OPTIONS;
    return child;
  }));
}
