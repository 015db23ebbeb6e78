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
  // On a large machine V8 lets the heap grow to five times what is in use, and its part for new objects to 128 MiB. Penstock
  // runs beside other services. (`--optimize-for-size` needs as much memory as these two, and more time.)
  for (const flag of ['--heap-growing-percent=30', '--semi-space-growth-factor=1']) setFlagsFromString(flag);
  const { runProcess } = await import('./cli/process.ts');
  await runProcess();
}
