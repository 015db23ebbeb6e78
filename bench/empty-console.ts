import { systemClock } from '../src/core/clock.ts';
import { startConsole } from '../src/simulators/qradar.ts';

/**
 * A QRadar console without rows, for `start.ts`: tells its URL to the process that forked it, and ends with it.
 *
 *     fork('bench/empty-console.ts', [token])
 */
const vendor = await startConsole({ clock: systemClock, token: process.argv[2] });
process.send?.(vendor.url);
process.once('disconnect', () => process.exit());
