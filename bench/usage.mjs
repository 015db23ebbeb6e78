/**
 * Preloaded into a measured process; plain JavaScript, so that Node needs no compiler for it. Writes what the process cost
 * when it ends: CPU time of all its threads, and the most memory that was resident (`maxRSS` of `resourceUsage` would be
 * that of the process that started it, where that one is larger).
 */
import { readFileSync, writeFileSync } from 'node:fs';

process.on('exit', () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  const [, peak] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  const usage = { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakMiB: Number(peak) / 1024 };
  writeFileSync(process.env.PENSTOCK_BENCH_USAGE ?? '/dev/null', JSON.stringify(usage));
});
