import type { KeptClock } from '../_kit/clock.ts';
import type { Span } from '../../core/source.ts';
import { UnexpectedAnswerError } from '../../core/errors.ts';
import type { HttpRequest } from '../../core/http.ts';
import { Answer, shapeOf } from './answer.ts';
import type { PollParts, WindowPlan } from './definition.ts';
import { Keyset } from '../_kit/keyset.ts';
import { Evidence } from './evidence.ts';
import { Pager } from './pager.ts';
import { Reading } from './records.ts';
import { type Survey, surveyOf } from './survey.ts';
import { optionValues } from './terms.ts';
import type { Variables } from './template.ts';
import { floorTo } from './time.ts';

/** One answer of a walk. */
export interface Step {
  readonly answer: Answer;
  readonly survey: Survey;
  readonly reading: Reading;
  /** Nothing follows in this walk. */
  readonly last: boolean;
  /** More follows, and the poll may not ask for it. */
  readonly cut: boolean;
  /** What this walk can no longer read. */
  readonly gap: Span | undefined;
  /** The most records in a page, as far as the walk knows. */
  readonly cap: number | undefined;
}

/** How many more requests a poll may send. */
export class Allowance {
  #left: number;

  constructor(pages: number) {
    this.#left = pages;
  }

  get isSpent(): boolean {
    return this.#left <= 0;
  }

  spend(): void {
    this.#left -= 1;
  }
}

/** A window that is read, and with what. */
export interface Walk extends Pick<PollParts, 'definition' | 'context'> {
  readonly clock: KeptClock;
  readonly allowance: Allowance;
  readonly window: Span;
  readonly cap: number | undefined;
}

/**
 * The lower bound of a request that reads from a time on, epoch ms: as exact as the request prints it. So the answer can
 * have records that are older than the time by as much as a day.
 */
export function lowerBound({ units, exclusive }: WindowPlan, from: number): number {
  return floorTo(from, units.from) - (exclusive ? units.from : 0);
}

/** The values of `from` and `to` in a request for a window. */
function boundsOf(plan: WindowPlan, { from, to }: Span): Variables {
  return { from: new Date(Math.max(0, lowerBound(plan, from))), to: new Date(to) };
}

/** Reads a window answer by answer. An answer is yielded before the next is requested. */
export async function* walkWindow(walk: Walk): AsyncGenerator<Step> {
  const { definition } = walk;
  const plan = definition.cursor as WindowPlan;
  const keyset =
    definition.paging.kind === 'keyset'
      ? new Keyset({ size: definition.paging.size, unit: plan.units.from, cap: walk.cap })
      : undefined;
  let from = floorTo(walk.window.from, plan.units.from);
  let pager = pagerOf(walk, walk.window);
  let request: HttpRequest | undefined = pager.first();
  let reading = new Reading(definition.rules);
  const evidence = Evidence.of(definition);
  while (request !== undefined) {
    walk.allowance.spend();
    const answer = new Answer(await walk.clock.http.request(request), definition.records);
    evidence.note(answer);
    const survey = await surveyOf(answer.rows, definition.rules, from);
    let next: HttpRequest | undefined;
    let gap: Span | undefined;
    let failure: unknown;
    let following = reading;
    if (keyset === undefined) [next, failure] = nextOf(pager, answer);
    else {
      requireTimes(answer, survey, keyset);
      const step = keyset.next({ from, ...survey });
      gap = step.gap;
      if (step.from !== undefined && step.from < walk.window.to) {
        from = step.from;
        pager = pagerOf(walk, { from, to: walk.window.to });
        next = pager.first();
        // Each request shows all records of its first instant, so equal ones are counted anew.
        following = new Reading(definition.rules);
      }
    }
    const cut = next !== undefined && walk.allowance.isSpent;
    const last = next === undefined && failure === undefined;
    if (last) evidence.warn(walk.context.log, request, answer);
    yield { answer, survey, reading, last, cut, gap, cap: keyset?.cap ?? walk.cap };
    // The records that came are durable now.
    if (failure !== undefined) throw failure;
    if (cut) return;
    request = next;
    reading = following;
  }
}

/** The next request, or why there is none although there should be. */
function nextOf(pager: Pager, answer: Answer): readonly [HttpRequest | undefined, unknown] {
  try {
    return [pager.next(answer), undefined];
  } catch (error) {
    if (!(error instanceof UnexpectedAnswerError)) throw error;
    return [undefined, error];
  }
}

function requireTimes(answer: Answer, { received, newest, fallsBack }: Survey, keyset: Keyset): void {
  if (newest === undefined && received > 0 && keyset.cap !== undefined && received >= keyset.cap)
    throw answer.unexpected('no record of a full page has a time, so the next page cannot be asked for');
  if (fallsBack > 0) throw answer.unexpected('its records are not in ascending order, which `keyset` needs');
}

function pagerOf({ definition, context }: Walk, window: Span): Pager {
  return new Pager({
    request: definition.request,
    paging: definition.paging,
    variables: {
      options: optionValues(definition.optionTypes, context.options),
      ...boundsOf(definition.cursor as WindowPlan, window),
    },
    shape: shapeOf(definition.records),
    asked: window,
  });
}
