import process from 'node:process';

/**
 * On a large machine V8 lets the heap grow to five times what is in use, and its part for new objects to 128 MiB. Penstock
 * runs beside other services. By how much the heap may grow until all of it is searched for garbage, in percent: a daemon
 * rests most of the time, so its memory counts; a command works until it ends, and 30 % would cost it 15 % more CPU time for
 * 7 MiB. (`--optimize-for-size` needs as much memory, and more time.)
 */
const GROWTH = { daemon: 30, command: 100 } as const;

/**
 * Keeps the heap near to what is in use. V8 discards all compiled code that was stored under other flags, that of Node's own
 * modules too: loading them then takes as long as the start of an empty Node. So a command that ends by itself calls this
 * when its modules are loaded, before it reads the first page.
 */
export function keepHeapSmall(of: keyof typeof GROWTH): void {
  // On call, because this module of Node's loads many others.
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  setFlagsFromString(`--heap-growing-percent=${GROWTH[of]}`);
  setFlagsFromString('--semi-space-growth-factor=1');
}
