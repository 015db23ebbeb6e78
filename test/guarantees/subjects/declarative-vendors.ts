import { systemClock } from '../../../src/core/clock.ts';
import type { ReceivedRecord } from '../../../src/simulators/otlp-receiver-decode.ts';
import { serve } from '../../../src/simulators/server.ts';
import { parse } from 'yaml';
import { arrivedEvent, multiset } from '../../support/truth.ts';
import { BY_ANSWER } from '../../system/declarative/by-answer.ts';
import { BY_REQUEST } from '../../system/declarative/by-request.ts';
import { type Case, toldById } from '../../system/declarative/vendor.ts';
import { SNAPSHOT } from './snapshot-vendor.ts';
import type { Comparison, Subject } from './vendor.ts';

/** One definition of each kind of cursor, by the name that it has in the system tests. */
const KINDS: Readonly<Record<string, string>> = {
  'window, oldest first': 'keyset with ties, and equal records without ids',
  'window, newest first': 'a next URL, newest first, with OAuth',
  'window, in no order': 'page numbers, in no order',
  'window, from only': 'a token in a header, a lower bound that means later than, and 204',
  position: 'POST with a stored position',
};

function caseNamed(name: string): Case {
  const found = [...BY_ANSWER, ...BY_REQUEST].find((one) => one.name === name);
  if (found === undefined) throw new Error(`no declarative case is called ${name}`);
  return found;
}

/** Events of the vendor in its own words; those of Penstock itself (gaps) are none. */
function compare(one: Case, truth: readonly string[], received: readonly ReceivedRecord[]): Comparison {
  const firsts = [...new Map(received.toReversed().map((record) => [record.uid, record])).values()];
  const events = firsts.map(arrivedEvent).filter((event) => event['event.dataset'] === 'scripted.records');
  const arrived = multiset(events.map(one.told ?? toldById));
  const wanted = multiset(truth);
  return { lost: excess(wanted, arrived), asNew: excess(arrived, wanted) };
}

function excess(these: ReadonlyMap<string, number>, others: ReadonlyMap<string, number>): number {
  return [...these].reduce((sum, [words, count]) => sum + Math.max(0, count - (others.get(words) ?? 0)), 0);
}

function subjectOf(kind: string, one: Case): Subject {
  const [, id = ''] = /^id: (.+)$/m.exec(one.definition) ?? [];
  const hasPast = kind.startsWith('window') && !one.definition.includes('filter: from');
  return {
    name: `declarative: ${kind}`,
    definition: { id, text: one.definition },
    ...(hasPast && {
      past: { source: { initial_lookback: '1h' }, span: ['--from', '4h', '--to', '59m'] },
    }),
    async start(random) {
      const { answer, happen, truth } = one.vendor(random);
      const simulator = await serve(answer, { clock: systemClock });
      const options = parse(`{ ${one.options} }`) as Readonly<Record<string, unknown>>;
      return {
        simulator,
        source: { type: id, base_url: simulator.url, schedule: 'every 1s', ...options },
        happen,
        compare: (received) => compare(one, truth(), received),
        [Symbol.asyncDispose]: () => simulator[Symbol.asyncDispose](),
      };
    },
  };
}

export const DECLARATIVE: readonly Subject[] = [
  ...Object.entries(KINDS).map(([kind, name]) => subjectOf(kind, caseNamed(name))),
  subjectOf('snapshot', SNAPSHOT),
];
