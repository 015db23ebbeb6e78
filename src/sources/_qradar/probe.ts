import { VendorError } from '../../core/errors.ts';
import type { Finding, SourceContext } from '../../core/source.ts';
import { counted, showDuration } from '../../core/text.ts';
import { Reading } from './attempts.ts';
import { explained, getPart, isSortRefusal, type ListPart } from './list.ts';
import { userIdOf } from './normalise.ts';
import type { Options } from './schemas.ts';
import { namelessAdvice, USERS } from './users.ts';

/** For `penstock check`: the directory of users, and the list of attempts, requested as a poll does. */
export async function* probe(context: SourceContext<Options>): AsyncGenerator<Finding, number> {
  if (context.options.token === undefined) yield basicCredential();
  const directory = context.options.resolve_users ? yield* askDirectory(context) : undefined;
  const attempts = yield* askAttempts(context);
  if (attempts === undefined) return 1;
  yield versionOf(context, attempts);
  yield rightsOf(attempts, directory);
  return 1;
}

/** First, because its answer brings the console's clock. */
async function* askDirectory(context: SourceContext<Options>): AsyncGenerator<Finding, ListPart | undefined> {
  const probe = 'user directory';
  try {
    const part = await getPart(context, { ...USERS, offset: 0 });
    yield {
      probe,
      verdict: 'ok',
      detail: `${counted(part.rows.length, 'user name')} resolved`,
      advice: '',
    };
    return part;
  } catch (error) {
    // A rejected credential and an unreachable console concern the list of attempts too: reported once, there.
    if (!(error instanceof VendorError) || error.status === 401 || error.status === undefined) throw error;
    yield {
      probe,
      verdict: 'warn',
      detail: `${error.message} Events will have user.id without user.name.`,
      advice: namelessAdvice(error),
    };
    return undefined;
  }
}

/** Undefined when the console refuses to sort: then it answers nothing else. */
async function* askAttempts(context: SourceContext<Options>): AsyncGenerator<Finding, ListPart | undefined> {
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
      detail: 'The console does not sort by attempt_time, so each window is read whole and sorted here.',
      advice: 'Set api_version to one that sorts, or reduce slice if windows are large.',
    };
    return undefined;
  }
}

function versionOf({ options }: SourceContext<Options>, { deprecated }: ListPart): Finding {
  const probe = 'api version';
  const asked = options.api_version === undefined ? 'the latest' : options.api_version;
  if (!deprecated) return { probe, verdict: 'ok', detail: `${asked} is available`, advice: '' };
  return {
    probe,
    verdict: 'warn',
    detail: `The console marks version ${asked} of its API as deprecated.`,
    advice: 'Set api_version to a newer version before this one is removed; /api/help/versions lists them.',
  };
}

/**
 * A credential without the ADMIN capability sees only its own attempts, and only itself in the directory, both with a 200.
 * A second user in either proves that it has the capability.
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
        ? 'There are no attempts now, so it is unknown whether the credential sees those of all users.'
        : `Only attempts of user ${only} are visible: perhaps the credential sees only its own.`,
    advice:
      'Give the authorized service a user role with the ADMIN capability; without it the console shows the caller only its own rows, without saying so.',
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
