import type { Random } from '../../../src/core/clock.ts';
import type { EcsEvent } from '../../../src/core/event.ts';
import type { Answerer, SimulatedAnswer, SimulatedRequest } from '../../../src/simulators/server.ts';

/** A record at a vendor. */
export interface Row {
  readonly id: string;
  /** Epoch ms. */
  readonly at: number;
  readonly action: string;
}

/** A vendor whose answers are written by hand, not derived from the definition that reads it. */
export interface Vendor {
  readonly answer: Answerer;
  /** Something new happens at the vendor while it is read. */
  readonly happen: () => void;
  /** What must have arrived, in the words of `told`. */
  readonly truth: () => readonly string[];
}

export interface Case {
  readonly name: string;
  /** The text of its `source.yaml`. */
  readonly definition: string;
  /** Options of the source, in YAML flow style. */
  readonly options: string;
  readonly vendor: (random: Random) => Vendor;
  /** An event that arrived, in the words of the truth. Default: id, action and time. */
  readonly told?: (event: EcsEvent) => string;
  /** How many gaps are to arrive. Default 0. */
  readonly gaps?: number;
  /** Its records may move in every walk of a poll: then a gap is sent, which a later walk closes. */
  readonly moves?: true;
}

const HOUR = 3_600_000;

/** A definition: its head, and the parts that differ. */
export function definition(id: string, rest: string): string {
  return `id: ${id}
title: ${id}
vendor: Scripted
product: Scripted
dataset: scripted.records
event: { kind: event, category: [web], type: [info] }
${rest}`;
}

/** A record that arrived, or that is at the vendor. */
export function words(id: string, action: string, at: number): string {
  return `${id} ${action} ${new Date(at).toISOString()}`;
}

export function toldById(event: EcsEvent): string {
  return words(
    String(event['event.id']),
    String(event['event.action']),
    Date.parse(String(event['@timestamp'])),
  );
}

/** Records of the last two hours, and later ones. */
export class Log {
  readonly rows: Row[] = [];
  readonly #random: Random;
  readonly #unit: number;

  constructor(random: Random, { count = 200, unit = 1 }: { count?: number; unit?: number } = {}) {
    this.#random = random;
    this.#unit = unit;
    const now = Date.now();
    const times = Array.from({ length: count }, () => now - 60_000 - Math.floor(random() * 2 * HOUR));
    for (const at of times.toSorted((a, b) => a - b)) this.add(at);
  }

  add(at: number): Row {
    const number = this.rows.length;
    const time = at - (at % this.#unit);
    const row = { id: `id-${number}`, at: time, action: `action-${Math.floor(this.#random() * 1000)}` };
    this.rows.push(row);
    return row;
  }

  /** A record appears, up to two seconds late. */
  addLate(): Row {
    return this.add(Date.now() - Math.floor(this.#random() * 2_000));
  }

  /** Those with `from <= at < to`, the oldest first. */
  between(from: number, to = Infinity): Row[] {
    return this.rows.filter(({ at }) => at >= from && at < to).toSorted((a, b) => a.at - b.at);
  }

  truth(): string[] {
    return this.rows.map(({ id, action, at }) => words(id, action, at));
  }
}

/** An answer in JSON. */
export function json(body: unknown, headers: Readonly<Record<string, string>> = {}): SimulatedAnswer {
  return { status: 200, headers, body };
}

export function refused(status: number, why: string): SimulatedAnswer {
  return { status, body: { message: why } };
}

/** The JSON of a request's body. */
export function bodyOf(request: SimulatedRequest): unknown {
  return JSON.parse(request.body.toString());
}

/** A time in a request; throws on what is none, which the simulator answers with 500. */
export function timeIn(text: string | null | undefined): number {
  const time = Date.parse(text ?? '');
  if (Number.isNaN(time)) throw new Error(`no time: ${text}`);
  return time;
}

/** Tokens that a vendor takes for a few requests only. */
export class ShortTokens {
  #number = 0;
  #left = 0;

  next(): string {
    this.#number += 1;
    this.#left = 5;
    return `short-lived-${this.#number}`;
  }

  takes(token: string | undefined): boolean {
    this.#left -= 1;
    return token === `short-lived-${this.#number}` && this.#left >= 0;
  }
}
