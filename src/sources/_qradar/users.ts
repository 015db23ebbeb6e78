import { isId } from '../_kit/keys.ts';
import { VendorError } from '../../core/errors.ts';
import { type Attempt, isMisfit } from './attempts.ts';
import { getPart } from './list.ts';
import { userIdOf } from './normalise.ts';
import type { ConsoleContext } from './schemas.ts';

export const USERS = {
  path: '/api/config/access/users',
  route: 'users',
  query: { fields: 'id,username' },
  limit: 1000,
} as const;

/** What was answered 422 is not asked again (DESIGN §5). */
const REFUSED = 'users refused';

/** How long names are believed. Milliseconds. */
const FRESH = 3_600_000;

interface Directory {
  readonly names: ReadonlyMap<string, string>;
  /** Epoch ms. */
  readonly readAt: number;
}

/**
 * Puts the user's name beside each record whose user the console's directory names. The directory is read at most
 * once an hour, and only when an attempt that was not told before is of a user unknown to it.
 */
export async function withNames(
  context: ConsoleContext,
  attempts: readonly Attempt[],
): Promise<readonly Attempt[]> {
  if (!context.options.resolve_users) return attempts;
  if (!isFresh(context, directoryOf(context)) && (await needsNames(context, attempts)))
    await readDirectory(context);
  const names = directoryOf(context)?.names;
  return names === undefined ? attempts : attempts.map((attempt) => withName(attempt, names));
}

function withName(attempt: Attempt, names: ReadonlyMap<string, string>): Attempt {
  const username = names.get(userOf(attempt) ?? '');
  return username === undefined
    ? attempt
    : { ...attempt, record: { ...(attempt.record as object), username }, original: attempt.record };
}

function userOf(attempt: Attempt): string | undefined {
  return isMisfit(attempt) ? undefined : userIdOf(attempt.record);
}

async function needsNames(context: ConsoleContext, attempts: readonly Attempt[]): Promise<boolean> {
  const names = directoryOf(context)?.names;
  const nameless = attempts.filter((attempt) => {
    const id = userOf(attempt);
    return id !== undefined && names?.has(id) !== true;
  });
  if (nameless.length === 0) return false;
  const told = await context.known(nameless.map(({ key }) => key));
  return nameless.some(({ key }) => !told.has(key));
}

/**
 * Reads the directory. A credential that may not read it, or a console that cannot answer, only means no names; a
 * refused credential (401) ends the poll.
 */
export async function readDirectory(context: ConsoleContext): Promise<void> {
  const names = new Map(directoryOf(context)?.names);
  try {
    if (!context.memo.has(REFUSED)) for await (const [id, name] of users(context)) names.set(id, name);
  } catch (error) {
    if (!(error instanceof VendorError) || error.status === 401) throw error;
    if (error.status === 422) context.memo.set(REFUSED, true);
    warnOnce(context, error);
  }
  context.memo.set(USERS.route, { names, readAt: context.now() } satisfies Directory);
}

async function* users(context: ConsoleContext): AsyncGenerator<readonly [string, string]> {
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
    // A console that sends the same users again, whatever part is asked for, has no more.
    more = part.more && seen.size > before;
  }
}

function directoryOf(context: ConsoleContext): Directory | undefined {
  return context.memo.get(USERS.route) as Directory | undefined;
}

function isFresh(context: ConsoleContext, directory: Directory | undefined): boolean {
  return directory !== undefined && Math.abs(context.now() - directory.readAt) < FRESH;
}

/** What to do when the directory cannot be read: only a 403 says that a right is missing. */
export function namelessAdvice({ status }: VendorError): string {
  if (status === 403) return 'Give the credential the right to read the users, or set resolve_users: false.';
  if (status === 404)
    return 'This console does not offer the list of users (404): check api_version, or set resolve_users: false.';
  return 'See the error; it is asked again when names are needed. Without names, set resolve_users: false.';
}

function warnOnce(context: ConsoleContext, error: VendorError): void {
  if (context.memo.has('no names')) return;
  context.memo.set('no names', true);
  context.log.warn(
    { error: { type: error.name, message: error.message }, url: { full: error.url } },
    `The list of users cannot be read: events carry user.id without user.name. ${namelessAdvice(error)}`,
  );
}
