import { z } from 'zod';
import type { Tenants } from '../../config/options.ts';
import { UnavailableError, UnexpectedAnswerError } from '../../core/errors.ts';
import { readRecord } from '../../core/read-record.ts';
import { Rows, type Shape } from '../../core/rows.ts';
import type { CommonOptions, SourceContext } from '../../core/source.ts';
import { errorIn, isEmpty, list } from '../_kit/answer.ts';
import { ROUTES, urlOf } from './api.ts';

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
