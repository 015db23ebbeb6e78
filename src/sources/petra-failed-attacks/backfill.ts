import type { BackfillPage, SourceContext, Scope, Span } from '../../core/source.ts';
import { inParts } from '../_kit/parts.ts';
import { readTenants } from '../_petra/tenants.ts';
import { readDay, type Poll } from './answer.ts';
import { dayOf, newestClosed, spanOf } from './day.ts';
import type { Options } from './options.ts';
import { warnOfWindow } from './poll.ts';
import { observe, observeMisread } from './series.ts';

/** A stream per tenant. */
export async function* tenantsOf(run: SourceContext<Options>): AsyncGenerator<Scope> {
  for (const { id, name } of await readTenants(run)) yield { id, ...(name !== undefined && { name }) };
}

/**
 * Every closed day that the span touches, whole, since totals are those of a day; one request each, the oldest first.
 * A day that goes on is left to live polling.
 */
export async function* readPast(run: Poll, { from, to }: Span): AsyncGenerator<BackfillPage> {
  const { settle } = run.options;
  const last = Math.min(dayOf(to - 1), newestClosed(run.now(), settle));
  for (let day = dayOf(from); day <= last; day += 1) {
    const reading = await readDay(run, day);
    // Our clock may have been ahead of the vendor's.
    if (day > newestClosed(reading.date, settle)) return;
    if (reading.fits === 'exactly') {
      yield* inParts(observe(reading, run, { final: true }), { observations: [], covered: spanOf(day) });
    } else {
      warnOfWindow(run, reading);
      yield { observations: await observeMisread(reading) };
    }
  }
}
