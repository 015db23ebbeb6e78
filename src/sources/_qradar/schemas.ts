import * as z from 'zod';
import { always, duration, httpUrl, password, sourceOptions } from '../../config/options.ts';
import { Secret } from '../../core/secret.ts';
import type { StreamContext } from '../../core/source.ts';
import { ahead } from '../_kit/clock.ts';

const version = z
  .union(
    [z.string().regex(/^\d+\.\d+$/), z.number().positive()],
    'expected a version of the console’s API such as "17.0"',
  )
  .transform((value) => (typeof value === 'number' ? value.toFixed(1) : value));

const CREDENTIALS = 'expected either a token (`token` or `token_file`) or `username` and `password`';

/** The block of the configuration. */
export const options = sourceOptions(
  {
    base_url: httpUrl().describe('URL of the console, such as https://qradar.example.com, without `/api`.'),
    username: z
      .string()
      .min(1)
      .optional()
      .describe(
        'With `password`, instead of a token. The console then records every poll as a login attempt.',
      ),
    password: password().optional().describe('Password of `username`.'),
    api_version: version
      .optional()
      .describe('Sent as the `Version` header; without it the console answers in its latest version.'),
    page_size: z.int().min(1).max(100_000).default(1000).describe('Rows requested at once.'),
    settle: duration('60s').describe(
      'How long a row may take to appear; newer ones are left to the next poll.',
    ),
    overlap: duration('5m').describe(
      'How far each poll reads behind the previous one, to find rows that come late.',
    ),
    initial_lookback: duration('7d').describe('How far back the first poll reads.'),
    slice: duration('1d', { from: '1s' }).describe(
      'Longest span requested at once; halved automatically while the console times out.',
    ),
    resolve_users: z
      .boolean()
      .default(true)
      .describe('Adds `user.name` from the console’s list of users, if the credential may read it.'),
  },
  { tokenRequired: false },
).refine(hasOneCredential, { path: ['token'], error: CREDENTIALS, when: always });

export type Options = z.output<typeof options>;
export type Context = StreamContext<Options>;

function hasOneCredential(value: object): boolean {
  const { token, token_file, username, password } = value as Partial<Record<string, unknown>>;
  const byToken = token !== undefined || token_file !== undefined;
  const parts = [username, password].filter((part) => part !== undefined).length;
  return byToken ? parts === 0 : parts === 2;
}

/** The `SEC` header of an authorized service, or HTTP Basic. */
export function authorise({ token, username, password }: Options): Readonly<Record<string, string>> {
  if (token !== undefined) return { sec: token.reveal() };
  // Registered as a secret of its own, so that its encoded form is masked in every output.
  const pair = new Secret(`${username}:${password?.reveal()}`);
  return { authorization: `Basic ${Buffer.from(pair.reveal()).toString('base64')}` };
}

/** By how much an answer's `Date` may be wrong without skipping a row: windows end `settle` early and begin `overlap` early. */
export function slackOf({ settle, overlap }: Pick<Options, 'settle' | 'overlap'>): number {
  return settle + overlap;
}

/** How far a console was read. Times are epoch ms of the console's clock; `readingStart` computes where a poll begins. */
export const cursor = z.object({
  /** Every row before this was read. */
  next: z.int(),
  /** The ledger holds the key of every row emitted from here on, so nothing is emitted twice. */
  known: z.int(),
  /** The time of the newest row seen; at first, where reading began. */
  newest: z.int().optional(),
  /** When that row came, by our clock. */
  newestAt: z.int().optional(),
  /** No row from before the console's clock was set back is newer; until one is, `newest` is where reading resumed. */
  passed: z.int().optional(),
  /** Nothing newer came for `overlap` of our time. */
  quiet: z.literal(true).optional(),
  /** By how much the console's clock is ahead of ours. */
  ahead,
  /** Milliseconds requested at once, while the console is too slow for the configured `slice`. */
  slice: z.int().positive().optional(),
  /** The console does not sort: windows are read whole and sorted here. */
  unsorted: z.literal(true).optional(),
  /** The first two users seen, to notice a credential that is shown only its own rows. */
  users: z.array(z.string()).max(2).optional(),
});

export type Cursor = z.output<typeof cursor>;

/** Polls read again from `to`. Rows that the ledger no longer holds are emitted again, under the same ids. */
export function rewind(before: Cursor, to: number): Cursor {
  const { next, known, newest, passed: _, ...rest } = before;
  return {
    ...rest,
    next: Math.min(next, to),
    known: Math.min(known, to),
    ...(newest !== undefined && { newest: Math.min(newest, to) }),
  };
}
