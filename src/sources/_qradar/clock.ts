import type { SourceContext } from '../../core/source.ts';
import { KeptClock } from '../_kit/kept-clock.ts';
import type { ConsoleOptions } from './options.ts';

/** How far the `Date` of an answer may be off without passing a row: windows end `settle` early and begin `overlap` early. */
export function slackOf({
  options,
}: {
  readonly options: Pick<ConsoleOptions, 'settle' | 'overlap'>;
}): number {
  return options.settle + options.overlap;
}

/** The console's clock; `ahead`: as it was known before. */
export function keptClock(run: SourceContext<ConsoleOptions>, ahead: number | undefined): KeptClock {
  return new KeptClock(run, { ahead, slack: slackOf(run) });
}
