#!/usr/bin/env node
import process from 'node:process';
import { setFlagsFromString } from 'node:v8';

const OLDEST_NODE = 24;

/** Checked first: Node's own message about a missing built-in module would not say what to do. */
function nodeIsTooOld(): boolean {
  return Number(process.versions.node.split('.')[0]) < OLDEST_NODE;
}

if (nodeIsTooOld()) {
  process.stderr.write(
    `Penstock needs Node ${OLDEST_NODE}; this is ${process.version}. Run it through its npm scripts (they bring their own Node), or install Node ${OLDEST_NODE}.\n`,
  );
  process.exitCode = 2;
} else {
  // On a large machine V8 lets the heap grow to five times what is in use. The daemon runs beside other services, so its
  // memory matters more than its speed; a pass that ends may be faster. `npm run bench` shows the cost of both.
  setFlagsFromString(process.argv[2] === 'run' ? '--optimize-for-size' : '--heap-growing-percent=30');
  const { runProcess } = await import('./cli/process.ts');
  await runProcess();
}
