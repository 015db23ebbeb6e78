import { z } from 'zod';
import { ahead } from '../_kit/clock.ts';
import { always, duration, httpUrl, password, sourceOptions } from '../../config/options.ts';
import { Secret } from '../../core/secret.ts';
import type { StreamContext } from '../../core/source.ts';

const version = z
  .union(
    [z.string().regex(/^\d+\.\d+$/), z.number().positive()],
    'expected a version of the console’s API such as "17.0"',
  )
  .transform((value) => (typeof value === 'number' ? value.toFixed(1) : value));

const CREDENTIALS = 'expected either a token (`token` or `token_file`) or `username` and `password`';

/** The options of a QRadar or JSA console. */
export const ConsoleOptions = sourceOptions(
  {
    base_url: httpUrl().describe('The console, such as https://qradar.example.com; `/api/…` is added.'),
    username: z
      .string()
      .min(1)
      .optional()
      .describe(
        'With `password`, instead of a token. Each poll then is a login attempt of its own in the list.',
      ),
    password: password().optional().describe('Password of `username`.'),
    api_version: version
      .optional()
      .describe('Sent as the `Version` header; without it the console answers in its latest version.'),
    page_size: z.int().min(1).max(100_000).default(1000).describe('Rows asked for in one request.'),
    settle: duration('60s').describe('How long a row may take to appear; newer ones wait for the next poll.'),
    overlap: duration('5m').describe('How far behind is read again at each poll, for rows that came late.'),
    initial_lookback: duration('7d').describe('How far back the first poll begins.'),
    slice: duration('1d', { from: '1s' }).describe(
      'Longest span asked for at once; halved by itself while the console is too slow for it.',
    ),
    resolve_users: z
      .boolean()
      .default(true)
      .describe('Adds `user.name` from the console’s list of users, where the credential may read it.'),
  },
  { tokenRequired: false },
).refine(hasOneCredential, { path: ['token'], error: CREDENTIALS, when: always });

export type ConsoleOptions = z.output<typeof ConsoleOptions>;
export type ConsoleContext = StreamContext<ConsoleOptions>;

function hasOneCredential(value: object): boolean {
  const { token, token_file, username, password } = value as Partial<Record<string, unknown>>;
  const byToken = token !== undefined || token_file !== undefined;
  const parts = [username, password].filter((part) => part !== undefined).length;
  return byToken ? parts === 0 : parts === 2;
}

/** The `SEC` header of an authorized service, or HTTP Basic. */
export function authorise({ token, username, password }: ConsoleOptions): Readonly<Record<string, string>> {
  if (token !== undefined) return { sec: token.reveal() };
  // As a secret of its own, so that its encoded form is masked too, wherever it should surface.
  const pair = new Secret(`${username}:${password?.reveal()}`);
  return { authorization: `Basic ${Buffer.from(pair.reveal()).toString('base64')}` };
}

/** How far a console was read. Times are epoch milliseconds of the console's clock. `readingStart` says where a poll begins. */
export const Cursor = z.object({
  /** Every row before it was read. */
  next: z.int(),
  /** From here on, the ledger holds the key of every row that was told: re-reading tells none twice. */
  known: z.int(),
  /** The time of the newest row seen; at first, where reading began. */
  newest: z.int().optional(),
  /** When that row came, by our clock. */
  newestAt: z.int().optional(),
  /** The newest row from before the console's clock was set back: until one is newer, `newest` stays where reading went back to. */
  passed: z.int().optional(),
  /** Nothing newer came for `overlap` of our time. */
  quiet: z.literal(true).optional(),
  /** What the console's clock is ahead of ours. */
  ahead,
  /** Milliseconds asked for at once, while the console is too slow for the configured `slice`. */
  slice: z.int().positive().optional(),
  /** The console does not sort: windows are read whole and sorted here. */
  unsorted: z.literal(true).optional(),
  /** The first two users seen, to notice a credential that is shown its own rows only. */
  users: z.array(z.string()).max(2).optional(),
});

export type Cursor = z.output<typeof Cursor>;
