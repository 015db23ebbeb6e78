import type { Clock } from '../core/clock.ts';
import type { SourceConfig } from '../config/types.ts';
import { budgetName } from '../http/budget.ts';
import type { SourceHttp } from '../http/client.ts';
import type { Http, HttpAnswer, HttpRequest } from '../core/http.ts';

interface Heard {
  readonly answer: HttpAnswer;
  /** What the vendor's clock was ahead of ours, ms; undefined for an answer without a `Date`. */
  readonly ahead: number | undefined;
}

/** Answers of one check, by credential and request: sources that share a credential ask a shared route once. */
export type SharedAnswers = Map<string, Promise<Heard>>;

/** A client that takes note of what its answers say besides their bodies. */
export class Hearing implements Http {
  /** Some request was answered well. */
  answered = false;
  /** What the vendor's clock is ahead of ours, ms; undefined while no answer had a `Date`. */
  ahead: number | undefined;
  readonly #http: SourceHttp;
  readonly #clock: Clock;
  readonly #config: SourceConfig;
  readonly #shared: SharedAnswers;

  constructor(http: SourceHttp, clock: Clock, config: SourceConfig, shared: SharedAnswers) {
    this.#http = http;
    this.#clock = clock;
    this.#config = config;
    this.#shared = shared;
  }

  /** The vendor's clock, epoch ms. */
  now(): number {
    return this.#clock.now() + (this.ahead ?? 0);
  }

  async get(request: HttpRequest): Promise<HttpAnswer> {
    const key = this.#keyOf(request);
    const asked = this.#shared.get(key) ?? this.#ask(request);
    this.#shared.set(key, asked);
    try {
      const { answer, ahead } = await asked;
      this.answered = true;
      this.ahead = ahead ?? this.ahead;
      return answer;
    } catch (error) {
      // A refusal has a clock as well; without a `Date` the client's own shows no difference.
      const ahead = this.#ahead();
      if (Math.abs(ahead) >= 1_000) this.ahead = ahead;
      throw error;
    }
  }

  available(route: string): Promise<number> {
    return this.#http.available(route);
  }

  recall(ahead: number): void {
    this.#http.recall(ahead);
  }

  async #ask(request: HttpRequest): Promise<Heard> {
    const answer = await this.#http.get(request);
    return { answer, ahead: answer.headers['date'] === undefined ? undefined : this.#ahead() };
  }

  #ahead(): number {
    return this.#http.vendorNow() - this.#clock.now();
  }

  #keyOf(request: HttpRequest): string {
    const { definition, options } = this.#config;
    return `${budgetName(options.base_url, definition.authorise(options), '')}${JSON.stringify(request)}`;
  }
}
