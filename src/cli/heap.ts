import process from 'node:process';

/**
 * On a large machine V8 lets the heap grow to five times what is in use, and its part for new objects to 128 MiB. Penstock
 * runs beside other services. (`--optimize-for-size` needs as much memory as these two, and more time.)
 */
const FLAGS = ['--heap-growing-percent=30', '--semi-space-growth-factor=1'];

/**
 * Keeps the heap near to what is in use. V8 discards all compiled code that was stored under other flags, that of Node's own
 * modules too: loading them then takes as long as the start of an empty Node. So a command that ends by itself calls this
 * when its modules are loaded, before it reads the first page.
 */
export function keepHeapSmall(): void {
  // On call, because this module of Node's loads many others.
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  for (const flag of FLAGS) setFlagsFromString(flag);
}
