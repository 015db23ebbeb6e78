import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';
import type { Family, Point } from './families.ts';

/** Milliseconds between two looks at the event loop. */
const RESOLUTION = 20;
const NANOSECONDS = 1e9;

/** The process's own metrics, by the names that Prometheus clients share. Dispose them to stop watching the event loop. */
export class ProcessFamilies implements Disposable {
  readonly families: readonly Family[];
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION });

  /** `startedAt`: epoch ms. */
  constructor(startedAt: number, lostLogLines: () => number) {
    this.#delay.enable();
    this.families = [
      {
        name: 'penstock_log_lines_lost_total',
        help: 'Lines of the log that could not be written, because nobody reads it any more or its disk is full.',
        kind: 'counter',
        read: () => one(lostLogLines()),
      },
      {
        name: 'process_cpu_seconds_total',
        help: 'User and system time.',
        kind: 'counter',
        read: () => one(cpuSeconds()),
      },
      {
        name: 'process_resident_memory_bytes',
        help: 'Resident memory.',
        kind: 'gauge',
        read: () => one(process.memoryUsage.rss()),
      },
      {
        name: 'process_start_time_seconds',
        help: 'When the process started.',
        kind: 'gauge',
        read: () => one(startedAt / 1000),
      },
      {
        name: 'nodejs_heap_size_used_bytes',
        help: 'Heap in use.',
        kind: 'gauge',
        read: () => one(process.memoryUsage().heapUsed),
      },
      {
        name: 'nodejs_eventloop_lag_p99_seconds',
        help: 'How late the event loop was, 99 times of 100 at most, since it was read last.',
        kind: 'gauge',
        read: () => one(this.#takeDelay()),
      },
    ];
  }

  [Symbol.dispose](): void {
    this.#delay.disable();
  }

  #takeDelay(): number {
    const late = this.#delay.percentile(99) - RESOLUTION * 1e6;
    this.#delay.reset();
    return Math.max(0, late) / NANOSECONDS;
  }
}

function one(value: number): readonly Point[] {
  return [{ value, labels: {} }];
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
