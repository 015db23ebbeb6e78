import type { Tenants } from '../../config/options.ts';
import {
  RefusedError,
  ThrottledError,
  TooLargeError,
  UnauthorisedError,
  UnavailableError,
  UnexpectedAnswerError,
} from '../../core/errors.ts';
import type { SourceContext } from '../../core/source.ts';
import { Cached } from './memo.ts';

/** A tenant as the vendor lists it. */
export interface ListedTenant {
  /** The vendor's own id, the canonical one. */
  readonly id: string;
  /** Another id by which the options may name it. */
  readonly otherId?: string | undefined;
  readonly name?: string | undefined;
}

/** A tenant to read. */
export interface Tenant {
  /** The vendor's own id, the canonical one. */
  readonly id: string;
  /** The ids by which the options may name it. */
  readonly ids: readonly string[];
  readonly name: string | undefined;
  /** False: the options name it, but the vendor does not list it. */
  readonly listed: boolean;
}

/**
 * The tenants to read, ordered by id: all, or those that the options name by any of their ids. One that is not listed keeps
 * the id in the options, so that the operator sees the vendor's answer to it.
 */
export function chosenTenants(
  listed: readonly ListedTenant[],
  { only }: Pick<Tenants, 'only'>,
): readonly Tenant[] {
  const chosen = only?.map(
    (id): ListedTenant => listed.find((one) => one.id === id || one.otherId === id) ?? { id },
  );
  const listedIds = new Set(listed.map(({ id }) => id));
  const byId = new Map((chosen ?? listed).map((tenant) => [tenant.id, tenant]));
  return [...byId.values()]
    .map(({ id, otherId, name }) => ({
      id,
      ids: [id, ...(otherId === undefined ? [] : [otherId])],
      name,
      listed: listedIds.has(id),
    }))
    .toSorted((one, other) => (one.id < other.id ? -1 : 1));
}

/** A vendor's list of tenants, cached. */
export class TenantDirectory<Context extends SourceContext<unknown>> {
  readonly #cached: Cached<readonly ListedTenant[]>;
  readonly #ask: (
    context: Context,
  ) => Promise<{ readonly tenants: readonly ListedTenant[]; readonly date: number }>;

  /** `life`: how long the list is cached, ms. `ask` reads it; `date` is the vendor's clock at its answer, epoch ms. */
  constructor(
    name: string,
    life: number,
    ask: (context: Context) => Promise<{ readonly tenants: readonly ListedTenant[]; readonly date: number }>,
  ) {
    this.#cached = new Cached(name, life);
    this.#ask = ask;
  }

  /** @throws VendorError when the list cannot be read, and no earlier one is known. */
  async read(context: Context): Promise<readonly ListedTenant[]> {
    const fresh = this.#cached.fresh(context);
    if (fresh !== undefined) return fresh;
    try {
      const { tenants, date } = await this.#ask(context);
      this.#cached.keep(context, tenants, date);
      return tenants;
    } catch (error) {
      const last = this.#cached.last(context);
      if (last === undefined || !(error instanceof UnavailableError)) throw error;
      context.log.warn(
        { error: { type: error.name, message: error.message } },
        'The list of tenants could not be read; the last known list is used. Tenants added since then are read later.',
      );
      return last;
    }
  }
}

/**
 * Whether an error of a request about one tenant concerns this tenant `alone`, may concern it (`doubtful`: perhaps the
 * vendor fails), or concerns all of the source (undefined).
 */
export function concernsTenant(error: unknown): 'alone' | 'doubtful' | undefined {
  // The credential is valid for others, so a 403 is about this one.
  if (error instanceof UnauthorisedError) return error.status === 403 ? 'alone' : undefined;
  if (error instanceof RefusedError || error instanceof TooLargeError) return 'alone';
  if (error instanceof UnavailableError) return error instanceof ThrottledError ? undefined : 'doubtful';
  return error instanceof UnexpectedAnswerError ? 'doubtful' : undefined;
}
