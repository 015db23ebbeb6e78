import type { Definition } from './definition.ts';
import { replacedAt, valueAt } from './path.ts';
import { canonical } from '../_kit/keys.ts';
import { timeOf } from './records.ts';
import { parameterIn, printedIn, type SeenRequest, timeIn } from './simulated-request.ts';
import { uses } from './request.ts';
import { type Building, mixed, put, readToken, type Token, TOKEN, writeToken } from './simulated-answer.ts';

/** What a simulated vendor answers. */
export interface SimulatedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface Settings {
  /** The vendor's clock, epoch ms. */
  readonly now: () => number;
  /** The most records in a page, whatever is asked for. */
  readonly cap?: number;
}

/** A record of the vendor, and from when on it is shown, epoch ms. */
interface Stored {
  readonly record: unknown;
  readonly visibleAt: number;
  readonly number: number;
}

/** The token or session that it gives. */
const SESSION = 'simulated-session';

/** Records in a page where neither the definition nor the request says how many. */
const PAGE = 100;

/**
 * A vendor as a definition describes it: it reads times, tokens and positions out of the requests that the definition
 * makes, and answers in the form that it reads. Values by `{ cel }` cannot be simulated.
 */
export class SimulatedVendor {
  readonly #definition: Definition;
  readonly #settings: Settings;
  readonly #stored: Stored[] = [];
  /** The numbers of removed records. */
  readonly #removed = new Set<number>();
  #number = 0;
  /** Called before each answer. */
  onAnswer: (() => void) | undefined;
  /** The positions that were given, and those of them that are refused. */
  readonly #given = new Set<string>();
  readonly #expired = new Set<string>();

  constructor(definition: Definition, settings: Settings) {
    this.#definition = definition;
    this.#settings = settings;
  }

  /** Adds a record, shown from now on or later. */
  add(record: unknown, visibleAt = this.#settings.now()): void {
    this.#stored.push({ record, visibleAt, number: this.#number++ });
  }

  /** Puts a record in place of the one with the same key, as if it was new in the list. */
  replace(which: (record: unknown) => boolean, record: unknown): void {
    this.remove(which);
    this.add(record);
  }

  /** Removes records. */
  remove(which: (record: unknown) => boolean): void {
    for (const { record, number } of this.#stored) if (which(record)) this.#removed.add(number);
  }

  /** Removes the records from before a time. */
  forget(before: string): void {
    const end = Date.parse(before);
    this.remove((record) => (timeOf(this.#definition.rules, record) ?? end) < end);
  }

  /** Forgets every position that was given so far. */
  expire(): void {
    for (const position of this.#given) this.#expired.add(position);
  }

  answer(request: SeenRequest): SimulatedAnswer {
    const credential = this.credential(request);
    if (credential !== undefined) return credential;
    this.onAnswer?.();
    const { cursor, expand } = this.#definition;
    if (expand !== undefined && printedIn(expand.request, request, 'ids') !== undefined)
      return this.#details(request);
    return cursor.kind === 'position' ? this.#fromPosition(request) : this.#page(request);
  }

  /** The answer to a request for a token or a session; undefined for any other request. */
  credential({ method, path, body }: SeenRequest): SimulatedAnswer | undefined {
    for (const { oauth2, login } of this.#definition.auth.forms.values()) {
      if (oauth2 !== undefined && /(?:^|&)grant_type=/.test(body.toString('utf8')))
        return { status: 200, body: { access_token: SESSION, token_type: 'Bearer', expires_in: 3_600 } };
      const isLogin = login?.request.method === method && login.request.path.capture(path) !== undefined;
      if (isLogin) return { status: 200, body: replacedAt({}, login.token, SESSION) };
    }
    return undefined;
  }

  /** One page of a window or a snapshot. */
  #page(request: SeenRequest): SimulatedAnswer {
    const { paging } = this.#definition;
    const token = this.#tokenIn(request);
    const asked = token ?? this.#asked(request);
    const all = this.#ordered(asked);
    const shown = ({ number }: Stored) => !this.#removed.has(number);
    // A token goes on behind its record, even if that was removed.
    const before = all
      .slice(0, all.findIndex(({ number }) => number === token?.after) + 1)
      .filter(shown).length;
    const start = token?.after === undefined ? this.#offset(request) : before;
    const size = this.#size(request);
    const list = all.filter(shown);
    const page = list.slice(start, start + size);
    const rest = list.length > start + page.length;
    return this.#respond(page, request, {
      rest,
      total: list.length,
      pages: Math.ceil(list.length / size),
      token: rest && paging.kind !== 'none' ? { ...asked, after: page.at(-1)?.number } : undefined,
    });
  }

  #asked(request: SeenRequest): Token {
    const { cursor, request: template } = this.#definition;
    if (cursor.kind !== 'window') return {};
    const from = timeIn(template, request, 'from');
    const to = cursor.filter === 'both' ? timeIn(template, request, 'to') : undefined;
    return { from: from === undefined ? undefined : from + Number(cursor.exclusive), to };
  }

  /** The records that a walk may show, with removed ones, in the vendor's order. Those of one time are in the order in which they came. */
  #ordered({ from = -Infinity, to = Infinity }: Token): readonly Stored[] {
    const { cursor, rules } = this.#definition;
    const visible = this.#arrived();
    if (cursor.kind !== 'window') return visible;
    const time = (one: Stored) => timeOf(rules, one.record) ?? 0;
    const within = visible.filter((one) => time(one) >= from && time(one) < to);
    if (cursor.order === 'none') return within.toSorted((a, b) => mixed(a.number) - mixed(b.number));
    const ascending = within.toSorted((a, b) => time(a) - time(b) || a.number - b.number);
    return cursor.order === 'ascending' ? ascending : ascending.toReversed();
  }

  #visible(): readonly Stored[] {
    return this.#arrived().filter(({ number }) => !this.#removed.has(number));
  }

  /** In the order in which they came, with those that were removed since. */
  #arrived(): readonly Stored[] {
    const now = this.#settings.now();
    return this.#stored
      .filter(({ visibleAt }) => visibleAt <= now)
      .toSorted((a, b) => a.visibleAt - b.visibleAt || a.number - b.number);
  }

  #size(request: SeenRequest): number {
    const { paging, request: template } = this.#definition;
    const printed = printedIn(template, request, 'size')?.text;
    const asked = printed === undefined ? ('size' in paging ? paging.size : undefined) : Number(printed);
    return Math.min(this.#settings.cap ?? Infinity, asked ?? PAGE);
  }

  #offset(request: SeenRequest): number {
    const { paging, request: template } = this.#definition;
    if (paging.kind === 'offset')
      return Number(parameterIn(template, request, { at: paging.at, variable: 'offset' }) ?? 0);
    if (paging.kind !== 'page') return 0;
    const number = Number(
      parameterIn(template, request, { at: paging.at, variable: 'page' }) ?? paging.first,
    );
    return (number - paging.first) * this.#size(request);
  }

  #tokenIn(request: SeenRequest): Token | undefined {
    const { paging, request: template } = this.#definition;
    const text =
      paging.kind === 'next_token'
        ? parameterIn(template, request, { at: paging.at, variable: 'token' })
        : (request.query.get(TOKEN) ?? undefined);
    return text === undefined ? undefined : readToken(text);
  }

  /** What follows a position: the order in which records came. */
  #fromPosition(request: SeenRequest): SimulatedAnswer {
    const { cursor, request: template } = this.#definition;
    if (cursor.kind !== 'position') return { status: 500 };
    const printed = printedIn(cursor.request, request, 'position')?.text;
    const visible = this.#visible();
    const size = this.#size(request);
    let start = 0;
    if (printed === undefined) {
      const { rules } = this.#definition;
      const isTimed = rules.time !== undefined && uses(template, 'from');
      const from = isTimed ? timeIn(template, request, 'from') : undefined;
      start =
        from === undefined ? 0 : visible.findIndex(({ record }) => (timeOf(rules, record) ?? 0) >= from);
      if (start < 0) start = visible.length;
    } else {
      const at = visible.findIndex((one) => this.#positionOf(one) === printed);
      if (this.#expired.has(printed) || (at < 0 && printed !== 'p-1'))
        return { status: cursor.expired[0] ?? 400, body: { message: 'The position is unknown.' } };
      start = at + 1;
    }
    const page = visible.slice(start, start + size);
    return this.#respond(page, request, {
      rest: visible.length > start + page.length,
      position: page.at(-1),
      printed,
    });
  }

  #positionOf(stored: Stored): string {
    const { cursor } = this.#definition;
    const from = cursor.kind === 'position' && 'last' in cursor.from ? cursor.from.last : undefined;
    return from === undefined ? `p${stored.number}` : (canonical(valueAt(stored.record, from)) ?? '');
  }

  #respond(page: readonly Stored[], request: SeenRequest, facts: Facts): SimulatedAnswer {
    const { records, paging, cursor } = this.#definition;
    const list = page.map(({ record }) => record);
    const building: Building = {
      body: replacedAt(records.steps.length === 0 ? [] : {}, records.steps, list),
      headers: {},
    };
    if (facts.token !== undefined && paging.kind === 'next_token')
      put(building, paging.from, writeToken(facts.token));
    if (facts.token !== undefined && paging.kind === 'next_url')
      put(building, paging.from, `${request.path}?${TOKEN}=${writeToken(facts.token)}`);
    if ('more' in paging && paging.more !== undefined) put(building, paging.more, facts.rest);
    if ('total' in paging && paging.total !== undefined) put(building, paging.total, facts.total);
    if (paging.kind === 'page' && paging.pages !== undefined) put(building, paging.pages, facts.pages);
    if (cursor.kind === 'position') {
      const position =
        facts.position === undefined ? (facts.printed ?? 'p-1') : this.#positionOf(facts.position);
      this.#given.add(position);
      this.#expired.delete(position);
      if (!('last' in cursor.from)) put(building, cursor.from, position);
      if (cursor.more !== undefined) put(building, cursor.more, facts.rest);
    }
    return { status: 200, ...building };
  }

  #details(request: SeenRequest): SimulatedAnswer {
    const { expand } = this.#definition;
    if (expand === undefined) return { status: 500 };
    const text = printedIn(expand.request, request, 'ids')?.text ?? '[]';
    const asked: unknown = text.startsWith('[') ? JSON.parse(text) : text.split(',');
    const ids = new Set((asked as unknown[]).map(canonical));
    const details = this.#visible()
      .map(({ record }) => record)
      .filter((record) => ids.has(canonical(valueAt(record, expand.ids))))
      .map((record) =>
        replacedAt({ ...(record as object), detailed: true }, expand.key, valueAt(record, expand.ids)),
      );
    return {
      status: 200,
      body: replacedAt(expand.records.steps.length === 0 ? [] : {}, expand.records.steps, details),
    };
  }
}

interface Facts {
  readonly rest: boolean;
  readonly total?: number;
  readonly pages?: number;
  readonly token?: Token | undefined;
  readonly position?: Stored | undefined;
  readonly printed?: string | undefined;
}
