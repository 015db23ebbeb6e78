import * as z from 'zod';
import type { Tenants } from '../../config/options.ts';
import { UnavailableError, UnexpectedAnswerError } from '../../core/errors.ts';
import { readRecord } from '../../core/read-record.ts';
import { Rows, type Shape } from '../../core/rows.ts';
import type { Secret } from '../../core/secret.ts';
import type { CommonOptions, Finding, Quota, SourceContext } from '../../core/source.ts';
import { counted } from '../../core/text.ts';
import { errorIn, isEmpty, list } from '../_kit/answer.ts';

/** Petra Security's API, without the version with which every path begins. */
export const BASE_URL = 'https://api.petrasecurity.com';

/** Quotas belong to (origin, credential, route), so sources with the same key share them through these names. */
export const ROUTES = {
  tenants: 'tenants',
  incidents: 'incidents',
  failedAttacks: 'failed-attacks',
} as const;

/** `GET /v1/tenants`: 10 a minute, like every route for which the documentation gives no stricter limit. */
export const TENANTS_QUOTA: Quota = { route: ROUTES.tenants, requests: 10, per: 60_000 };

/** As documented: `Authorization: Bearer YOUR_API_KEY`. */
export function authorise({
  token,
}: {
  readonly token?: Secret | undefined;
}): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token?.reveal() ?? ''}` };
}

/** A URL for messages. */
export function urlOf({ base_url }: Pick<CommonOptions, 'base_url'>, path: string): string {
  return `${base_url}${path}`;
}

/** A tenant to read. */
export interface Tenant {
  /** Petra's own id, the canonical one. */
  readonly id: string;
  /** The ids by which the options may name it: Petra's, and Microsoft's. */
  readonly ids: readonly string[];
  readonly name: string | undefined;
  /** False: the options name it, but Petra does not list it. */
  readonly listed: boolean;
}

const PATH = '/v1/tenants';
/** How long the list of tenants is cached. Milliseconds. */
const CACHED_FOR = 600_000;
const CACHE = 'petra.tenants';

/** Only the members that are needed: a list may be long. */
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

/** The context of any Petra source. */
export type PetraContext = SourceContext<CommonOptions & { readonly tenants: Tenants }>;

/**
 * The tenants to read, ordered by id: all, or those that the options name by Petra or Microsoft id. One that Petra does
 * not list keeps the id in the options, so that the operator sees its 404.
 *
 * @throws VendorError when the list cannot be read, and no earlier one is known.
 */
export async function readTenants(context: PetraContext): Promise<readonly Tenant[]> {
  const { tenants } = await directory(context);
  const { only } = context.options.tenants;
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

/** Paused tenants are listed and read like the others: their past incidents can still be read. */
async function directory(context: PetraContext): Promise<Directory> {
  const known = context.memo.get(CACHE) as Directory | undefined;
  if (known !== undefined && Math.abs(context.now() - known.readAt) < CACHED_FOR) return known;
  try {
    const fresh = await ask(context);
    context.memo.set(CACHE, fresh);
    return fresh;
  } catch (error) {
    if (known === undefined || !(error instanceof UnavailableError)) throw error;
    context.log.warn(
      { error: { type: error.name, message: error.message } },
      'The list of tenants could not be read; the last known list is used. Tenants added since then are read later.',
    );
    return known;
  }
}

async function ask(context: PetraContext): Promise<Directory> {
  const answer = await context.http.get({ path: PATH, route: ROUTES.tenants, rows: SHAPE });
  if (isEmpty(answer)) return { readAt: answer.date, tenants: [] };
  const body = answer.json();
  const parsed = answered.safeParse(body);
  const failure = errorIn(body) ?? (parsed.success ? undefined : z.prettifyError(parsed.error));
  if (failure === undefined)
    return { readAt: answer.date, tenants: withIds(context, parsed.data?.tenants ?? Rows.of()) };
  throw new UnexpectedAnswerError(
    `The list of tenants is not in the format that Petra documents: ${failure}`,
    urlOf(context.options, PATH),
    answer.status,
    { cause: parsed.error },
  );
}

/** A tenant without an id cannot be read; the others can. */
function withIds(context: PetraContext, rows: Rows): Directory['tenants'] {
  const readings = [...rows].map((row) => readRecord(listed, row));
  const nameless = readings.flatMap((reading) => ('problem' in reading ? [reading.problem] : []));
  if (nameless.length > 0)
    context.log.warn(
      { error: { message: nameless[0] }, penstock: { tenants: nameless.length } },
      'Some tenants in Petra’s list have no id and cannot be read; the others are read. Report this to Petra.',
    );
  return readings.flatMap((reading) => ('problem' in reading ? [] : [reading.data]));
}

/** For `penstock check`: the tenants that are read, and those that the options name but Petra does not list. */
export async function* probeTenants(context: PetraContext): AsyncGenerator<Finding, number> {
  const tenants = await readTenants(context);
  const unlisted = tenants.filter(({ listed }) => !listed).map(({ id }) => id);
  const count = tenants.length - unlisted.length;
  const detail = `${counted(count, 'tenant')} found`;
  if (tenants.length === 0) {
    yield {
      probe: 'tenants',
      verdict: 'warn',
      detail: 'Petra lists no tenants, so there is nothing to read.',
      advice: 'Onboard a tenant at Petra, or use the API key of an organisation that has tenants.',
    };
  } else if (unlisted.length === 0) {
    yield { probe: 'tenants', verdict: 'ok', detail, advice: '' };
  } else {
    yield {
      probe: 'tenants',
      verdict: 'warn',
      detail: `${detail}; not found: ${unlisted.join(', ')}`,
      advice:
        'Correct the ids in `tenants` (Petra or Microsoft ids), or remove those of tenants that have left.',
    };
  }
  return tenants.length;
}
