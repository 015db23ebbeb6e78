#!/usr/bin/env node
import process from 'node:process';
import { keepCompiledCode } from './cli/compile-cache.ts';
import { keepHeapSmall } from './cli/heap.ts';

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
  // Before the cache is opened, which has a directory for each set of flags. Commands that end by themselves do it later.
  if (process.argv[2] === 'run') keepHeapSmall('daemon');
  keepCompiledCode(process.env);
  const { runProcess } = await import('./cli/process.ts');
  await runProcess();
}
