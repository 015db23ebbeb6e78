/**
 * Preloaded into a measured process; plain JavaScript, so that Node needs no compiler for it. Writes what the process cost
 * when it ends: CPU time of all its threads, and the most memory that was resident (`maxRSS` of `resourceUsage` would be
 * that of the process that started it, where that one is larger). With `PENSTOCK_BENCH_LOOP` it also writes how late the
 * event loop was since the last SIGUSR2.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const { PENSTOCK_BENCH_USAGE: out, PENSTOCK_BENCH_LOOP: watched } = process.env;

let delays;
if (watched !== undefined) {
  delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  process.on('SIGUSR2', () => delays.reset());
}

process.on('exit', () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  const [, peak] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  const usage = {
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    peakMiB: Number(peak) / 1024,
    ...(delays !== undefined && {
      loopDelay: { p99: delays.percentile(99) / 1e6, max: delays.max / 1e6, samples: delays.count },
    }),
  };
  if (out !== undefined) writeFileSync(out, JSON.stringify(usage));
});
