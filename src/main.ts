#!/usr/bin/env node
import process from 'node:process';
import { setFlagsFromString } from 'node:v8';

const OLDEST_NODE = 24;

/** Node's own message for a missing built-in module would not say what to do. */
function nodeIsTooOld(): boolean {
  return Number(process.versions.node.split('.')[0]) < OLDEST_NODE;
}

if (nodeIsTooOld()) {
  process.stderr.write(
    `Penstock needs Node ${OLDEST_NODE}; this is ${process.version}. Run it through its npm scripts (they bring their own Node), or install Node ${OLDEST_NODE}.\n`,
  );
  process.exitCode = 2;
} else {
  // On a large machine V8 lets a heap grow to five times what is in use. The daemon lives beside others, and its memory
  // is dearer than its speed; a pass that ends may be faster (`npm run bench` shows what either costs).
  setFlagsFromString(process.argv[2] === 'run' ? '--optimize-for-size' : '--heap-growing-percent=30');
  const { runProcess } = await import('./cli/process.ts');
  await runProcess();
}
