import { z } from 'zod';
import { errorIn, isEmpty, list } from '../_kit/answer.ts';
import type { Tenants } from '../../config/options.ts';
import { UnavailableError, UnexpectedAnswerError } from '../../core/errors.ts';
import { readRecord } from '../../core/read-record.ts';
import { Rows, type Shape } from '../../core/rows.ts';
import type { Secret } from '../../core/secret.ts';
import type { CommonOptions, Finding, Quota, SourceContext } from '../../core/source.ts';

/** Where Petra Security answers, without the version that every path begins with. */
export const BASE_URL = 'https://api.petrasecurity.com';

/** Budgets belong to (origin, credential, route): sources of one key share them by these names. */
export const ROUTES = {
  tenants: 'tenants',
  incidents: 'incidents',
  failedAttacks: 'failed-attacks',
} as const;

const MINUTE = 60_000;

/** `GET /v1/tenants`: 10 a minute, as of every route that the documents give no stricter limit. */
export const TENANTS_QUOTA: Quota = { route: ROUTES.tenants, requests: 10, per: MINUTE };

/** The key as the documents ask for it: `Authorization: Bearer YOUR_API_KEY`. */
export function authorise({
  token,
}: {
  readonly token?: Secret | undefined;
}): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token?.reveal() ?? ''}` };
}

/** The URL of a route for messages. */
export function urlOf({ base_url }: Pick<CommonOptions, 'base_url'>, path: string): string {
  return `${base_url}${path}`;
}

/** A tenant as `GET /v1/tenants` lists it. */
export interface Tenant {
  /** Petra's own id: the canonical one. */
  readonly id: string;
  /** All that the options may name it by: Petra's id, and Microsoft's. */
  readonly ids: readonly string[];
  readonly name: string | undefined;
  /** False: the options name it, and Petra does not list it. */
  readonly listed: boolean;
}

const PATH = '/v1/tenants';
/** A list as old as this is asked again. Milliseconds. */
const FRESH_FOR = 600_000;
const MEMO = 'petra.tenants';

/** Only what is needed of each: a list may be long. */
const listed = z.object({
  petraTenantId: z.string().min(1),
  microsoftTenantId: z.string().nullish(),
  name: z.string().nullish(),
});
const SHAPE: Shape = { members: { tenants: { rows: true } } };
const answered = z.looseObject({ tenants: list });

interface Directory {
  readonly readAt: number;
  readonly tenants: readonly z.output<typeof listed>[];
}

/** A run of any source of Petra. */
export type PetraRun = SourceContext<CommonOptions & { readonly tenants: Tenants }>;

/**
 * The tenants to read, by id in order: all, or those that the options name by Petra or Microsoft id. A named one that
 * Petra does not list is kept as it is written, so that its 404 is seen.
 *
 * @throws VendorError when the list cannot be read, and no earlier one is known.
 */
export async function readTenants(run: PetraRun): Promise<readonly Tenant[]> {
  const { tenants } = await directory(run);
  const { only } = run.options.tenants;
  const chosen = only?.map(
    (id) =>
      tenants.find((tenant) => [tenant.petraTenantId, tenant.microsoftTenantId].includes(id)) ?? {
        petraTenantId: id,
        microsoftTenantId: undefined,
        name: undefined,
      },
  );
  const listedIds = new Set(tenants.map(({ petraTenantId }) => petraTenantId));
  const byId = new Map((chosen ?? tenants).map((tenant) => [tenant.petraTenantId, tenant]));
  return [...byId]
    .map(([id, { microsoftTenantId, name }]) => ({
      id,
      ids: [id, ...(typeof microsoftTenantId === 'string' ? [microsoftTenantId] : [])],
      name: name ?? undefined,
      listed: listedIds.has(id),
    }))
    .toSorted((one, other) => (one.id < other.id ? -1 : 1));
}

/** Paused tenants are listed and read as the others: what they had stays to be seen. */
async function directory(run: PetraRun): Promise<Directory> {
  const known = run.memo.get(MEMO) as Directory | undefined;
  if (known !== undefined && Math.abs(run.now() - known.readAt) < FRESH_FOR) return known;
  try {
    const fresh = await ask(run);
    run.memo.set(MEMO, fresh);
    return fresh;
  } catch (error) {
    if (known === undefined || !(error instanceof UnavailableError)) throw error;
    run.log.warn(
      { error: { type: error.name, message: error.message } },
      'The list of tenants cannot be read now; the last one is used. Tenants onboarded since are read later.',
    );
    return known;
  }
}

async function ask(run: PetraRun): Promise<Directory> {
  const answer = await run.http.get({ path: PATH, route: ROUTES.tenants, rows: SHAPE });
  if (isEmpty(answer)) return { readAt: answer.date, tenants: [] };
  const body = answer.json();
  const parsed = answered.safeParse(body);
  const failure = errorIn(body) ?? (parsed.success ? undefined : z.prettifyError(parsed.error));
  if (failure === undefined)
    return { readAt: answer.date, tenants: withIds(run, parsed.data?.tenants ?? Rows.of()) };
  throw new UnexpectedAnswerError(
    `The list of tenants is not what Petra documents: ${failure}`,
    urlOf(run.options, PATH),
    answer.status,
    { cause: parsed.error },
  );
}

/** A tenant without an id cannot be asked for; the others can. */
function withIds(run: PetraRun, rows: Rows): Directory['tenants'] {
  const readings = [...rows].map((row) => readRecord(listed, row));
  const nameless = readings.flatMap((reading) => ('problem' in reading ? [reading.problem] : []));
  if (nameless.length > 0)
    run.log.warn(
      { error: { message: nameless[0] } },
      `${nameless.length} tenants in Petra's list have no id and cannot be read; the others are. Ask Petra about them.`,
    );
  return readings.flatMap((reading) => ('problem' in reading ? [] : [reading.data]));
}

/** The tenants of the organisation that are read, and those that the options name and Petra does not list. */
export async function* askTenants(run: PetraRun): AsyncGenerator<Finding, number> {
  const tenants = await readTenants(run);
  const unlisted = tenants.filter(({ listed }) => !listed).map(({ id }) => id);
  const probe = 'tenants';
  const detail = `${tenants.length - unlisted.length} tenants are listed`;
  if (unlisted.length === 0 && tenants.length > 0) yield { probe, verdict: 'ok', detail, advice: '' };
  else if (unlisted.length === 0)
    yield {
      probe,
      verdict: 'warn',
      detail: 'Petra lists no tenant: there is nothing to read.',
      advice: 'Onboard a tenant at Petra, or use a key of the organisation that has some.',
    };
  else
    yield {
      probe,
      verdict: 'warn',
      detail: `${detail}; not listed: ${unlisted.join(', ')}`,
      advice: 'Correct the ids in `tenants` (Petra or Microsoft ids), or take out those that have left.',
    };
  return tenants.length;
}
