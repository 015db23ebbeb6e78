import type { Page, Span } from '../../core/source.ts';
import { KeptClock } from '../_kit/clock.ts';
import type { WindowCursor } from './cursors.ts';
import type { PollParts, WindowOptions, WindowPlan } from './definition.ts';
import { pagesOf } from './emit.ts';
import { Expansion } from './expand.ts';
import { Allowance, type Step, walkWindow } from './window-walk.ts';
import { Settling } from './settling.ts';
import { gapOf, type Tail, WindowState } from './window-state.ts';

/** How often a walk is repeated in which records moved. */
const MOST_REPEATS = 2;

/**
 * Reads what is new since the cursor, window by window, up to what is settled now. When nothing is new that is one
 * request.
 */
export async function* pollWindow(
  parts: PollParts,
  cursor: WindowCursor | undefined,
): AsyncGenerator<Page<WindowCursor>> {
  const poll = new WindowPoll(parts, cursor);
  yield* poll.run();
}

type Pages = AsyncGenerator<Page<WindowCursor>, 'ended' | 'cut' | 'again'>;

class WindowPoll {
  readonly #parts: PollParts;
  readonly #plan: WindowPlan;
  readonly #options: WindowOptions;
  readonly #clock: KeptClock;
  readonly #state: WindowState;
  readonly #allowance: Allowance;
  readonly #expansion: Expansion | undefined;
  /** A change can move a record past the walk. */
  readonly #shifts: boolean;
  /** The beginning was chosen by our clock, and no answer has confirmed it. */
  #unconfirmed: boolean;

  constructor(parts: PollParts, cursor: WindowCursor | undefined) {
    const { definition, context, limits } = parts;
    this.#parts = parts;
    this.#plan = definition.cursor as WindowPlan;
    this.#options = context.options as WindowOptions;
    const { settle, overlap } = this.#options;
    this.#clock = new KeptClock(context, { ahead: cursor?.ahead, slack: settle + overlap });
    this.#unconfirmed = cursor === undefined;
    const mutable = definition.rules.compare !== undefined;
    this.#shifts = mutable && /^(?:offset|page)$/.test(definition.paging.kind);
    const { order, filter } = this.#plan;
    this.#state = new WindowState({
      plan: this.#plan,
      options: this.#options,
      cursor: cursor ?? this.#firstCursor(context.now()),
      whole: this.#shifts || order === 'none' || (order === 'descending' && filter === 'from'),
      mutable,
    });
    this.#allowance = new Allowance(limits.pages);
    this.#expansion = Expansion.of(definition, this.#clock.http, context);
  }

  async *run(): AsyncGenerator<Page<WindowCursor>> {
    const { context } = this.#parts;
    for (;;) {
      const forgotten = this.#state.skipForgotten(context.now());
      if (forgotten !== undefined) yield { observations: [], gaps: [forgotten], cursor: this.#state.cursor };
      if ((yield* this.#windows()) !== 'again') break;
    }
    this.#clock.warnOfDifference(this.#options.settle + this.#options.overlap);
  }

  async *#windows(): Pages {
    const { context } = this.#parts;
    this.#state.begin();
    for (;;) {
      context.signal.throwIfAborted();
      const window = this.#state.window(context.now());
      if (window === undefined) {
        yield { observations: [], cursor: this.#state.cursor, complete: true };
        return 'ended';
      }
      const ended = yield* this.#shifts ? this.#repeated(window) : this.#walk(window);
      if (ended !== 'ended' || this.#state.complete) return ended;
      if (this.#allowance.isSpent) return 'cut';
    }
  }

  /** Reads a window again until a walk is quiet. */
  async *#repeated(window: Span): Pages {
    const began = this.#parts.context.now();
    let before: Settling | undefined;
    for (let repeats = 0; ; repeats += 1) {
      const settling = new Settling({ before, began, givesUp: repeats === MOST_REPEATS });
      this.#state.startWalk();
      const ended = yield* this.#walk(window, settling);
      if (ended !== 'ended' || settling.isQuiet || settling.givesUp) return ended;
      before = settling;
    }
  }

  async *#walk(window: Span, settling?: Settling): Pages {
    const { definition, context } = this.#parts;
    const { cap } = this.#state.cursor;
    const walk = { definition, context, clock: this.#clock, allowance: this.#allowance, window, cap };
    for await (const step of walkWindow(walk)) {
      const { date } = step.answer.response;
      if (this.#isMisplaced(date)) return 'again';
      const disorder = this.#disorderOf(step, window);
      if (disorder !== undefined) {
        // What came before it moved the cursor past records that are still to come.
        yield { observations: [], cursor: this.#state.reset() };
        throw step.answer.unexpected(disorder);
      }
      settling?.answered();
      const setBack = this.#clock.takeSetBack();
      yield* pagesOf<WindowCursor>(
        {
          ...step,
          context,
          rememberAt: (time) => this.#state.rememberAt(time),
          expansion: this.#expansion,
          onObserved: settling?.observed,
        },
        () => this.#tailOf(step, settling, setBack === 0),
      );
      if (setBack > 0) {
        // Durable only with what follows from it: a process that dies before must notice again.
        this.#state.note({ ahead: this.#clock.ahead });
        yield { observations: [], ...this.#state.followBack(setBack, date) };
        return 'again';
      }
      if (step.cut) return 'cut';
    }
    return 'ended';
  }

  #tailOf(step: Step, settling: Settling | undefined, keepsClock: boolean): Tail {
    const { date } = step.answer.response;
    const { oldest, newest } = step.survey;
    // The walk is repeated before its window counts as read.
    if (step.last && settling !== undefined && !settling.isQuiet && !settling.givesUp) return {};
    const isEnd = step.last && settling !== undefined;
    const moved =
      isEnd && !settling.isQuiet ? [this.#state.noteMoved({ from: settling.began, to: date })] : [];
    const closedGaps = isEnd && settling.isQuiet ? this.#state.takeMoved() : [];
    this.#state.note({ ...(keepsClock && { ahead: this.#clock.ahead }), cap: step.cap });
    const tail = this.#state.advance({
      date,
      oldest,
      newest,
      last: step.last,
      cut: step.cut,
      spent: this.#allowance.isSpent,
    });
    const unreadable = step.gap === undefined ? [] : [gapOf(step.gap, 'more-than-a-page')];
    const gaps = [...moved, ...unreadable, ...(tail.gaps ?? [])];
    const covered = tail.covered &&
      step.gap && { from: Math.max(step.gap.to, tail.covered.from), to: tail.covered.to };
    return {
      ...tail,
      ...(covered !== undefined && { covered }),
      ...(gaps.length > 0 && { gaps }),
      ...(closedGaps.length > 0 && { closedGaps }),
    };
  }

  #firstCursor(now: number): WindowCursor {
    const { initial_lookback: lookback, settle } = this.#options;
    const next = Math.max(0, now - Math.max(lookback, settle));
    return { definition: this.#parts.definition.fingerprint, next };
  }

  /** Whether the very first answer has another time than the one by which the beginning was chosen. */
  #isMisplaced(date: number): boolean {
    if (!this.#unconfirmed) return false;
    this.#unconfirmed = false;
    const cursor = this.#firstCursor(date);
    const { ahead } = this.#clock;
    if (ahead === undefined || Math.abs(ahead) <= this.#clock.tolerance) return false;
    this.#clock.takeSetBack();
    this.#state.reset({ ...cursor, ahead });
    return true;
  }

  /** A poll that is stopped goes on at the last record, so records in another order would be missed: says that they are. */
  #disorderOf({ survey: { oldest, newest, fallsBack } }: Step, window: Span): string | undefined {
    const { order } = this.#plan;
    const { overlap } = this.#options;
    const { seen } = this.#state;
    // An offset shows records again when others are added; a link or a token does not.
    const follows = this.#parts.definition.paging.kind.startsWith('next_');
    const falls = follows && oldest !== undefined && oldest >= window.from && seen.newest - oldest > overlap;
    if (order === 'ascending' && (fallsBack > overlap || falls))
      return 'its records are not in ascending order: set `order` to `descending` or `none`';
    if (order === 'descending' && follows && newest !== undefined && newest > seen.oldest + overlap)
      return 'its records are not in descending order: set `order` to `ascending` or `none`';
    return undefined;
  }
}
