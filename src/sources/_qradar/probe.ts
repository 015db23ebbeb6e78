import { VendorError } from '../../core/errors.ts';
import { showDuration } from '../../core/text.ts';
import type { Finding, SourceContext } from '../../core/source.ts';
import { Reading } from './attempts.ts';
import { explained, getPart, isSortRefusal, type ListPart } from './list.ts';
import { userIdOf } from './normalise.ts';
import type { ConsoleOptions } from './schemas.ts';
import { namelessAdvice, USERS } from './users.ts';

/** What `penstock check` asks of a console: the directory of users, and the list of attempts as a poll asks for it. */
export async function* probe(context: SourceContext<ConsoleOptions>): AsyncGenerator<Finding, number> {
  if (context.options.token === undefined) yield basicCredential();
  const directory = context.options.resolve_users ? yield* askDirectory(context) : undefined;
  const attempts = yield* askAttempts(context);
  if (attempts === undefined) return 1;
  yield versionOf(context, attempts);
  yield rightsOf(attempts, directory);
  return 1;
}

/** First, because its answer brings the console's clock. */
async function* askDirectory(
  context: SourceContext<ConsoleOptions>,
): AsyncGenerator<Finding, ListPart | undefined> {
  const probe = 'user directory';
  try {
    const part = await getPart(context, { ...USERS, offset: 0 });
    yield {
      probe,
      verdict: 'ok',
      detail: `${part.rows.length} user ${part.rows.length === 1 ? 'name' : 'names'} resolved`,
      advice: '',
    };
    return part;
  } catch (error) {
    // A refused credential and a console out of reach are the same for the list of attempts: told once, there.
    if (!(error instanceof VendorError) || error.status === 401 || error.status === undefined) throw error;
    yield {
      probe,
      verdict: 'warn',
      detail: `${error.message} Events will carry user.id without user.name.`,
      advice: namelessAdvice(error),
    };
    return undefined;
  }
}

/** Undefined when the console refuses to sort, and so told nothing else. */
async function* askAttempts(
  context: SourceContext<ConsoleOptions>,
): AsyncGenerator<Finding, ListPart | undefined> {
  const { slice, initial_lookback: lookback } = context.options;
  const span = Math.min(slice, lookback);
  const to = context.now();
  try {
    const part = await new Reading(context, { from: to - span, to }, { sorted: true }).next();
    const count = `${part?.rows.length ?? 0}${part?.more === true ? ' or more' : ''}`;
    yield {
      probe: 'login attempts',
      verdict: 'ok',
      detail: `${count} in the last ${showDuration(span)}`,
      advice: '',
    };
    return part;
  } catch (error) {
    if (!isSortRefusal(error)) throw explained(error);
    yield {
      probe: 'sorting',
      verdict: 'warn',
      detail: 'The console refuses to sort by attempt_time: each window is read whole and sorted here.',
      advice: 'Set api_version to one that sorts, or lower slice if windows are large.',
    };
    return undefined;
  }
}

function versionOf({ options }: SourceContext<ConsoleOptions>, { deprecated }: ListPart): Finding {
  const probe = 'api version';
  const asked = options.api_version === undefined ? 'the latest' : options.api_version;
  if (!deprecated) return { probe, verdict: 'ok', detail: `${asked} is served`, advice: '' };
  return {
    probe,
    verdict: 'warn',
    detail: `The console marks version ${asked} of its API as deprecated.`,
    advice: 'Set api_version to a newer one before this one is removed; /api/help/versions lists them.',
  };
}

/**
 * A credential without the ADMIN capability is shown its own attempts, and itself alone in the directory, both with a
 * 200. Seeing a second user in either shows that it is not so.
 */
function rightsOf(attempts: ListPart, directory: ListPart | undefined): Finding {
  const probe = 'rights';
  const users = new Set<string>();
  for (const row of attempts.rows) users.add(userIdOf(row) ?? '');
  users.delete('');
  const listed = directory?.rows.length ?? 0;
  if (users.size > 1) return { probe, verdict: 'ok', detail: `attempts of ${users.size} users`, advice: '' };
  if (listed > 1) return { probe, verdict: 'ok', detail: `sees ${listed} users of the console`, advice: '' };
  const [only] = users;
  return {
    probe,
    verdict: 'warn',
    detail:
      only === undefined
        ? 'Whether it sees the attempts of all users cannot be told: there are none now.'
        : `Only attempts of user ${only} are shown: perhaps its own rows, and nobody else's.`,
    advice:
      'Give the authorized service a user role with the ADMIN capability; without it the console shows the caller its own rows only, and does not say so.',
  };
}

function basicCredential(): Finding {
  return {
    probe: 'credential type',
    verdict: 'warn',
    detail: 'Username and password: the console records each poll as a login attempt (HTTP_BASIC).',
    advice: 'Use the token of an authorized service instead.',
  };
}
