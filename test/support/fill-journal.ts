import { randomBytes } from 'node:crypto';
import type { Journal } from '../../src/journal/journal.ts';
import { encoded } from './records.ts';

interface Filling {
  readonly pages: number;
  /** In each page. Default: 1. */
  readonly events?: number;
  /** Random bytes in each event, which do not compress; in base64 they take a third more. */
  readonly bytes: number;
  /** When the events happened and were read, epoch ms. */
  readonly now: number;
}

/** Commits large events to the first stream of a journal, as if its source had read them. */
export async function fillJournal(
  journal: Pick<Journal, 'streams' | 'commit'>,
  { pages, events = 1, bytes, now }: Filling,
): Promise<void> {
  const [stream] = await journal.streams.all();
  if (stream === undefined) throw new Error('there is no stream yet');
  for (let page = 0; page < pages; page += 1) {
    await journal.commit({
      stream: stream.key,
      source: stream.source,
      observedAt: now,
      records: encoded(
        Array.from({ length: events }, (_, index) => ({
          uid: `filler ${now} ${page} ${index}`,
          event: {
            '@timestamp': new Date(now).toISOString(),
            'event.dataset': 'qradar.login_attempts',
            message: randomBytes(bytes).toString('base64'),
          },
        })),
        now,
      ),
    });
  }
}
