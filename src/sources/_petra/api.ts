import * as z from 'zod';
import type { Tenants } from '../../config/options.ts';
import { UnexpectedAnswerError } from '../../core/errors.ts';
import type { HttpResponse } from '../../core/http.ts';
import { readRecord } from '../../core/read-record.ts';
import type { Rows, Shape } from '../../core/rows.ts';
import type { Secret } from '../../core/secret.ts';
import type { CommonOptions, Finding, Quota, SourceContext } from '../../core/source.ts';
import { counted } from '../../core/text.ts';
import { errorIn, isEmpty, list } from '../_kit/answer.ts';
import { chosenTenants, type ListedTenant, type Tenant, TenantDirectory } from '../_kit/tenants.ts';

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

const PATH = '/v1/tenants';
/** How long the list of tenants is cached. Milliseconds. */
const CACHED_FOR = 600_000;

/** Only the members that are needed: a list may be long. */
const listed = z.object({
  petraTenantId: z.string().min(1),
  microsoftTenantId: z.string().nullish(),
  name: z.string().nullish(),
});
const SHAPE: Shape = { members: { tenants: { rows: true } } };
const answered = z.looseObject({ tenants: list });

/** The context of any Petra source. */
export type PetraContext = SourceContext<CommonOptions & { readonly tenants: Tenants }>;

const DIRECTORY = new TenantDirectory('petra.tenants', CACHED_FOR, ask);

/**
 * The tenants to read, ordered by id: all, or those that the options name by Petra or Microsoft id. Paused tenants are
 * read like the others: their past incidents can still be read.
 *
 * @throws VendorError when the list cannot be read, and no earlier one is known.
 */
export async function readTenants(context: PetraContext): Promise<readonly Tenant[]> {
  return chosenTenants(await DIRECTORY.read(context), context.options.tenants);
}

async function ask(
  context: PetraContext,
): Promise<{ readonly tenants: readonly ListedTenant[]; readonly date: number }> {
  const answer = await context.http.get({ path: PATH, route: ROUTES.tenants, rows: SHAPE });
  const { tenants } = documented(answer, answered, {
    what: 'The list of tenants is',
    url: urlOf(context.options, PATH),
    empty: { tenants: null },
  });
  return { date: answer.date, tenants: withIds(context, tenants) };
}

/** A tenant without an id cannot be read; the others can. */
function withIds(context: PetraContext, rows: Rows): readonly ListedTenant[] {
  const readings = [...rows].map((row) => readRecord(listed, row));
  const nameless = readings.flatMap((reading) => ('problem' in reading ? [reading.problem] : []));
  if (nameless.length > 0)
    context.log.warn(
      { error: { message: nameless[0] }, penstock: { tenants: nameless.length } },
      'Some tenants in Petra’s list have no id and cannot be read; the others are read. Report this to Petra.',
    );
  return readings.flatMap((reading) => {
    if ('problem' in reading) return [];
    const { petraTenantId: id, microsoftTenantId, name } = reading.data;
    return [{ id, otherId: microsoftTenantId ?? undefined, name: name ?? undefined }];
  });
}

/**
 * An answer in the form that Petra documents; `empty` is what one without content means.
 * @throws UnexpectedAnswerError when it has another form, or holds an error
 */
export function documented<T extends z.ZodType>(
  answer: HttpResponse,
  schema: T,
  {
    what,
    url,
    empty,
    lacks = () => undefined,
  }: {
    /** Subject and verb of the message: `The list of tenants is`. */
    readonly what: string;
    readonly url: string;
    readonly empty: unknown;
    /** What else is wrong with a body that fits; undefined when nothing is. */
    readonly lacks?: (body: unknown) => string | undefined;
  },
): z.output<T> {
  const body = isEmpty(answer) ? empty : answer.json();
  const parsed = schema.safeParse(body);
  const failure = errorIn(body) ?? (parsed.success ? lacks(body) : z.prettifyError(parsed.error));
  if (parsed.success && failure === undefined) return parsed.data;
  throw new UnexpectedAnswerError(
    `${what} not in the format that Petra documents: ${failure}`,
    url,
    answer.status,
    { cause: parsed.error },
  );
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
