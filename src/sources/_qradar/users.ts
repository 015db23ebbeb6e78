import { VendorError } from '../../core/errors.ts';
import { isId } from '../_kit/keys.ts';
import { Cached, isFirst } from '../_kit/memo.ts';
import { type Attempt, isMalformed } from './attempts.ts';
import { getPart } from './list.ts';
import { userIdOf } from './normalise.ts';
import type { Context } from './schemas.ts';

export const USERS = {
  path: '/api/config/access/users',
  route: 'users',
  query: { fields: 'id,username' },
  limit: 1000,
} as const;

/** A request that was answered 422 is not sent again. */
const REFUSED = 'users refused';

/** How long the names are cached. Milliseconds. */
const CACHED_FOR = 3_600_000;

/** Names by id. */
const DIRECTORY = new Cached<ReadonlyMap<string, string>>(USERS.route, CACHED_FOR);

/**
 * Adds the user's name to each record whose user is in the console's directory. The directory is read at most once an
 * hour, and only when a new attempt is of a user whose name is not known yet.
 */
export async function withNames(context: Context, attempts: readonly Attempt[]): Promise<readonly Attempt[]> {
  if (!context.options.resolve_users) return attempts;
  if (DIRECTORY.fresh(context) === undefined && (await needsNames(context, attempts)))
    await readDirectory(context);
  const names = DIRECTORY.last(context);
  return names === undefined ? attempts : attempts.map((attempt) => withName(attempt, names));
}

function withName(attempt: Attempt, names: ReadonlyMap<string, string>): Attempt {
  const username = names.get(userOf(attempt) ?? '');
  return username === undefined
    ? attempt
    : { ...attempt, record: { ...(attempt.record as object), username }, original: attempt.record };
}

function userOf(attempt: Attempt): string | undefined {
  return isMalformed(attempt) ? undefined : userIdOf(attempt.record);
}

async function needsNames(context: Context, attempts: readonly Attempt[]): Promise<boolean> {
  const names = DIRECTORY.last(context);
  const nameless = attempts.filter((attempt) => {
    const id = userOf(attempt);
    return id !== undefined && names?.has(id) !== true;
  });
  if (nameless.length === 0) return false;
  const emitted = await context.known(nameless.map(({ key }) => key));
  return nameless.some(({ key }) => !emitted.has(key));
}

/**
 * Reads the directory. If the credential may not read it, or the console cannot answer, events have no names. A rejected
 * credential (401) ends the poll.
 */
export async function readDirectory(context: Context): Promise<void> {
  const names = new Map(DIRECTORY.last(context));
  try {
    if (!context.memo.has(REFUSED)) for await (const [id, name] of users(context)) names.set(id, name);
  } catch (error) {
    if (!(error instanceof VendorError) || error.status === 401) throw error;
    if (error.status === 422) context.memo.set(REFUSED, true);
    warnOnce(context, error);
  }
  DIRECTORY.keep(context, names, context.now());
}

async function* users(context: Context): AsyncGenerator<readonly [string, string]> {
  const seen = new Set<string>();
  for (let offset = 0, more = true; more;) {
    const part = await getPart(context, { ...USERS, offset });
    const before = seen.size;
    for (const user of part.rows) {
      const { id, username } = (user ?? {}) as { id?: unknown; username?: unknown };
      if (typeof username !== 'string' || !isId(id)) continue;
      seen.add(String(id));
      yield [String(id), username];
    }
    offset += part.rows.length;
    // A console that sends the same users for every part has no more.
    more = part.more && seen.size > before;
  }
}

/** What to do when the directory cannot be read. Only a 403 means that a right is missing. */
export function namelessAdvice({ status }: VendorError): string {
  if (status === 403) return 'Give the credential the right to read the users, or set resolve_users: false.';
  if (status === 404)
    return 'This console does not have the list of users (404): check api_version, or set resolve_users: false.';
  return 'The list is requested again when names are needed. To do without names, set resolve_users: false.';
}

function warnOnce(context: Context, error: VendorError): void {
  if (!isFirst(context, 'no names')) return;
  context.log.warn(
    {
      error: { type: error.name, message: `${error.message} ${namelessAdvice(error)}` },
      url: { full: error.url },
    },
    'The list of users could not be read; events have user.id without user.name.',
  );
}
