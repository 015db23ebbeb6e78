import { isDeepStrictEqual } from 'node:util';
import { RefusedError, UnauthorisedError } from '../../core/errors.ts';
import type { HttpRequest } from '../../core/http.ts';
import { toJson } from '../../core/json.ts';
import type { Page } from '../../core/source.ts';
import { Answer, saysYes, shapeOf } from './answer.ts';
import type { PositionCursor } from './cursors.ts';
import type { PollParts, PositionPlan } from './definition.ts';
import { pagesOf } from './emit.ts';
import { Evidence } from './evidence.ts';
import { Expansion } from './expand.ts';
import { Pager } from './pager.ts';
import { Reading } from './records.ts';
import { type Survey, surveyOf } from './survey.ts';
import { optionValues } from './terms.ts';
import { gapOf } from './window-state.ts';

/** How long the ledger keeps what was read before the latest record. Milliseconds. */
const REMEMBERED = 90 * 86_400_000;

/** Reads on from the place that the vendor gave; it moves only with the page that it follows. */
export async function* pollPosition(
  parts: PollParts,
  cursor: PositionCursor | undefined,
): AsyncGenerator<Page<PositionCursor>> {
  yield* new PositionPoll(parts, cursor).run();
}

class PositionPoll {
  readonly #parts: PollParts;
  readonly #plan: PositionPlan;
  #cursor: PositionCursor;
  /** Where the next request goes on; ahead of the cursor only after empty pages. */
  #position: unknown;
  /** The latest record before the vendor forgot the position, epoch ms; until the gap behind it is recorded. */
  #lostFrom: number | undefined;
  #hasRestarted = false;
  readonly #positions = new Set<string>();

  constructor(parts: PollParts, cursor: PositionCursor | undefined) {
    this.#parts = parts;
    this.#plan = parts.definition.cursor as PositionPlan;
    this.#cursor = cursor ?? { definition: parts.definition.fingerprint };
    this.#position = this.#cursor.position;
  }

  async *run(): AsyncGenerator<Page<PositionCursor>> {
    const { definition, context, limits } = this.#parts;
    const expansion = Expansion.of(definition, context.http, context);
    const reading = new Reading(definition.rules);
    const evidence = Evidence.of(definition);
    let pager = this.#pager();
    let request: HttpRequest | undefined = pager.first();
    for (let left = limits.pages; request !== undefined && left > 0; left -= 1) {
      context.signal.throwIfAborted();
      const answer = await this.#ask(request);
      if (answer === undefined) {
        pager = this.#pager();
        request = pager.first();
        continue;
      }
      evidence.note(answer);
      const survey = await surveyOf(answer.rows, definition.rules);
      const outcome = this.#outcomeOf(answer, survey, pager);
      if (outcome.last) evidence.warn(context.log, request, answer);
      yield* pagesOf<PositionCursor>({ context, reading, survey, expansion }, () =>
        this.#tail(answer, survey, outcome),
      );
      if (outcome.failure !== undefined) throw outcome.failure;
      if (outcome.last) return;
      if (outcome.next === undefined) pager = this.#pager();
      request = outcome.next ?? pager.first();
    }
  }

  #pager(): Pager {
    const { definition, context } = this.#parts;
    const isFirst = this.#position === undefined;
    const { lookback } = this.#plan;
    const from = this.#lostFrom ?? context.now() - (lookback ?? 0);
    return new Pager({
      request: isFirst ? definition.request : this.#plan.request,
      paging: definition.paging,
      variables: {
        options: optionValues(definition.optionTypes, context.options),
        ...(isFirst ? { from: new Date(Math.max(0, from)) } : { position: this.#position }),
      },
      shape: shapeOf(definition.records),
    });
  }

  /** Undefined: the vendor has forgotten the position, and reading starts again. */
  async #ask(request: HttpRequest): Promise<Answer | undefined> {
    const { definition, context } = this.#parts;
    try {
      return new Answer(await context.http.request(request), definition.records);
    } catch (error) {
      if (this.#position === undefined || this.#hasRestarted || !this.#saysExpired(error)) throw error;
      this.#hasRestarted = true;
      this.#position = undefined;
      this.#positions.clear();
      this.#lostFrom = this.#cursor.latest ?? this.#cursor.read ?? context.now() - (this.#plan.lookback ?? 0);
      context.log.warn(
        { event: { start: new Date(this.#lostFrom).toISOString() } },
        'The vendor has forgotten the position; reading starts again, and what may be missed is a gap.',
      );
      return undefined;
    }
  }

  #saysExpired(error: unknown): boolean {
    const refused = error instanceof RefusedError || error instanceof UnauthorisedError;
    return refused && this.#plan.expired.includes(error.status ?? 0);
  }

  #outcomeOf(answer: Answer, { received }: Survey, pager: Pager): Outcome {
    const more = this.#plan.more === undefined ? undefined : saysYes(answer.value(this.#plan.more));
    const given = answer.value(this.#plan.from);
    try {
      const next = this.#parts.definition.paging.kind === 'none' ? undefined : pager.next(answer);
      const isPaged = next !== undefined;
      const ends = more === undefined ? received === 0 : !more;
      if (!isPaged && !ends) this.#requireProgress(answer, given);
      return { given, next, last: !isPaged && ends, failure: undefined };
    } catch (error) {
      return { given, next: undefined, last: false, failure: error };
    }
  }

  /** More follows, so the position must be another one than all before it. */
  #requireProgress(answer: Answer, given: unknown): void {
    const name = toJson(given ?? null);
    if (given === undefined || isDeepStrictEqual(given, this.#position) || this.#positions.has(name))
      throw answer.unexpected('more should follow, but the position stays as it was');
    this.#positions.add(name);
  }

  /** Everything of a page but its records. The position moves with records only. */
  #tail(
    answer: Answer,
    { received, oldest, newest }: Survey,
    { given, last }: Outcome,
  ): Omit<Page<PositionCursor>, 'observations'> {
    const { date } = answer.response;
    const { read } = this.#cursor;
    const latest =
      newest === undefined ? this.#cursor.latest : Math.max(this.#cursor.latest ?? 0, Math.min(newest, date));
    const lost = this.#lostFrom;
    this.#lostFrom = undefined;
    // A position that the vendor has forgotten is not kept.
    const kept = lost === undefined ? this.#cursor.position : undefined;
    const position = received > 0 || lost !== undefined ? (given ?? kept) : kept;
    if (given !== undefined) this.#position = given;
    const gap = lost === undefined ? undefined : { from: lost, to: Math.min(oldest ?? date, date) };
    this.#cursor = {
      ...this.#cursor,
      position,
      ...(latest !== undefined && { latest }),
      ...(last && { read: date }),
    };
    const from = read ?? date - (this.#plan.lookback ?? 0);
    return {
      cursor: this.#cursor,
      ...(gap !== undefined && gap.to > gap.from && { gaps: [gapOf(gap, 'position-expired')] }),
      ...(last && { complete: true, forgetBefore: Math.min(latest ?? date, date - REMEMBERED) }),
      ...(last && from < date && { covered: { from, to: date } }),
    };
  }
}

interface Outcome {
  /** The position in the answer. */
  readonly given: unknown;
  readonly next: HttpRequest | undefined;
  readonly last: boolean;
  /** To be thrown when the records of the answer are durable. */
  readonly failure: unknown;
}
