import type { Room } from '../journal/journal.ts';

/** Why sources wait for the journal, in words. */
export const OVERFLOWING: Readonly<Record<Exclude<Room, 'free'>, string>> = {
  full: 'The journal is at state.max_bytes: sources that can be asked again have stopped polling until it is delivered.',
  critical:
    'The journal is beyond state.max_bytes, or its disk is nearly full: nothing is polled until it is delivered.',
};
