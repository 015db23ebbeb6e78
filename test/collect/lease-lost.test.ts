import { expect, test } from 'vitest';
import { OutOfBudgetError, UnavailableError } from '../../src/core/errors.ts';
import { LeaseLostError } from '../../src/journal/journal.ts';
import { memoryJournal } from '../../src/journal/sqlite/memory.ts';
import { collecting } from '../support/collecting.ts';
import { DrivenClock } from '../support/driven-clock.ts';

const LOST = new LeaseLostError({ kind: 'source', name: 'console' }, 'replica other took it');

/** What only a holder may do. */
const FENCED = [
  'streams.open',
  'streams.openAll',
  'request',
  'commit',
  'polls.record',
  'sources.orphanStreams',
  'sources.setNextDue',
];

/** A source whose lease is lost at this step: its hold aborts, and the step rejects, as all others from then on. */
function losing(step: string, answer?: () => object | Promise<object>) {
  const clock = new DrivenClock();
  const hold = new AbortController();
  const calls: string[] = [];
  const lose = (error: unknown = LOST) => {
    hold.abort(LOST);
    return Promise.reject(error);
  };
  const before = (name: string) => {
    if (!FENCED.includes(name)) return undefined;
    calls.push(name);
    return hold.signal.aborted || name === step ? lose() : undefined;
  };
  const journal = memoryJournal(clock);
  const setup = { journal, clock, signal: hold.signal, before, ...(answer && { answer }) };
  return { ...collecting(setup), calls, lose };
}

test.each([
  'streams.openAll',
  'streams.open',
  'request',
  'commit',
  'sources.orphanStreams',
  'sources.setNextDue',
])('a lease that is lost at %s ends collecting quietly, and nobody is blamed', async (step) => {
  const { run, calls, polls, sourcePolls, lines } = losing(step);

  await run();

  expect(calls).toContain(step);
  expect(lines.filter(({ level }) => level >= 40)).toEqual([]);
  const isAfterThePoll = step === 'sources.setNextDue';
  expect(sourcePolls.map(({ outcome }) => outcome)).toEqual([isAfterThePoll ? 'complete' : 'cut']);
  expect(sourcePolls[0]?.errors).toEqual([]);
  expect(polls.map(({ outcome }) => outcome)).not.toContain('failed');
});

test('a failed poll whose record is refused is cut: the next holder polls again', async () => {
  const pipeline = losing('polls.record', () => {
    throw new UnavailableError('No answer.', 'https://vendor.example.com');
  });

  await pipeline.run();

  expect(pipeline.calls).toContain('polls.record');
  expect(pipeline.polls).toMatchObject([{ outcome: 'cut', error: LOST }]);
  expect(pipeline.lines.filter(({ level }) => level >= 40)).toEqual([]);
});

test.each([
  ['its quota was spent', new OutOfBudgetError('The quota is exhausted for now.')],
  ['the request failed', new UnavailableError('No answer.', 'https://vendor.example.com')],
])('a lease that is lost while %s ends the poll as cut, not as that', async (_what, error) => {
  const pipeline = losing('never', () => pipeline.lose(error));

  await pipeline.run();

  expect(pipeline.polls).toMatchObject([{ outcome: 'cut' }]);
  expect(pipeline.sourcePolls).toMatchObject([{ outcome: 'cut', errors: [] }]);
  expect(pipeline.lines.filter(({ level }) => level >= 40)).toEqual([]);
});
