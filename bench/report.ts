import { writeFileSync } from 'node:fs';

/** Preloaded into a measured process: writes what it cost when it ends. */
process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const cost = { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakMiB: maxRSS / 1024 };
  writeFileSync(process.env['PENSTOCK_BENCH_OUT'] ?? '/dev/null', JSON.stringify(cost));
});
