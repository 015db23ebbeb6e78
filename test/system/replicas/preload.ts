/**
 * Loaded into a process of the tests by `--import`. Each request to a vendor names the process in `x-replica`, and the
 * process's clock is wrong by `TEST_CLOCK_SHIFT` milliseconds (its monotonic clock is not).
 */
import { subscribe } from 'node:diagnostics_channel';

const { TEST_REPLICA: name = '', TEST_CLOCK_SHIFT: shift = '0' } = process.env;

subscribe('undici:request:create', (message) => {
  const { request } = message as { request: { addHeader(name: string, value: string): void } };
  request.addHeader('x-replica', name);
});

if (shift !== '0') {
  const RightDate = Date;
  const now = () => RightDate.now() + Number(shift);
  globalThis.Date = class extends RightDate {
    constructor(...args: unknown[]) {
      super(...((args.length === 0 ? [now()] : args) as [number]));
    }
    static override now = now;
  } as DateConstructor;
}
