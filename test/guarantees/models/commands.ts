import fc from 'fast-check';
import type { SimulatedAnswer } from '../../../src/simulators/server.ts';
import type { Penstock } from './penstock.ts';
import type { Command, Subject } from './subject.ts';
import type { Vendor } from './vendor.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Whoever polls the vendor does so now. */
export class Poll implements Command {
  check = () => true;

  async run(_: Vendor, penstock: Penstock): Promise<void> {
    await penstock.poll();
  }

  toString = () => 'poll';
}

/** The process is killed before its n-th durable step of a poll. */
export class Kill implements Command {
  readonly steps: number;

  constructor(steps: number) {
    this.steps = steps;
  }

  check = () => true;

  async run(_: Vendor, penstock: Penstock): Promise<void> {
    penstock.beforeStep(this.steps, () => penstock.kill());
    await penstock.poll();
  }

  toString = () => `kill at step ${this.steps}`;
}

/** The process ends between two polls. */
export class Restart implements Command {
  check = () => true;

  async run(_: Vendor, penstock: Penstock): Promise<void> {
    await penstock.restart();
  }

  toString = () => 'restart';
}

/** New records, late ones (`ago` ms), ties (several of them) and equal rows (of one kind, where there are no ids). */
export class Appear implements Command {
  readonly records: { readonly ago: number; readonly count: number; readonly kind: number };

  constructor(ago: number, count: number, kind: number) {
    this.records = { ago, count, kind };
  }

  check = () => true;

  async run(vendor: Vendor): Promise<void> {
    vendor.appear(this.records);
  }

  toString(): string {
    const { ago, count, kind } = this.records;
    return `${count} records of kind ${kind}, ${ago} ms late`;
  }
}

export class Change implements Command {
  readonly which: number;

  constructor(which: number) {
    this.which = which;
  }

  check = ({ change }: Readonly<Vendor>) => change !== undefined;

  async run(vendor: Vendor): Promise<void> {
    vendor.change?.(this.which);
  }

  toString = () => `record ${this.which} changes`;
}

export class Remove implements Command {
  readonly which: number;

  constructor(which: number) {
    this.which = which;
  }

  check = ({ remove }: Readonly<Vendor>) => remove !== undefined;

  async run(vendor: Vendor): Promise<void> {
    vendor.remove?.(this.which);
  }

  toString = () => `record ${this.which} disappears`;
}

/** Something happens at the vendor while it is read: before the n-th durable step of the next poll. */
export class Meanwhile implements Command {
  readonly steps: number;
  readonly command: Command;

  constructor(steps: number, command: Command) {
    this.steps = steps;
    this.command = command;
  }

  check = (vendor: Readonly<Vendor>) => this.command.check(vendor);

  async run(vendor: Vendor, penstock: Penstock): Promise<void> {
    penstock.beforeStep(this.steps, () => void this.command.run(vendor, penstock));
  }

  toString = () => `at step ${this.steps} of the next poll: ${this.command.toString()}`;
}

/** The vendor answers its next requests with a failure. */
export class Fail implements Command {
  readonly name: string;
  readonly answers: readonly SimulatedAnswer[];

  constructor(name: string, answer: SimulatedAnswer, times: number) {
    this.name = name;
    this.answers = Array.from({ length: times }, () => answer);
  }

  check = () => true;

  async run({ simulator }: Vendor): Promise<void> {
    simulator.script.push(...this.answers);
  }

  toString = () => `${this.answers.length} × ${this.name}`;
}

export class Pass implements Command {
  readonly ms: number;

  constructor(ms: number) {
    this.ms = ms;
  }

  check = () => true;

  run = ({ clocks }: Vendor) => clocks.pass(this.ms);

  toString = () => `${this.ms} ms pass`;
}

/** A clock is set. Not another one before a poll has noticed: two such changes may look like none. */
export class SetClock implements Command {
  readonly whose: 'ours' | 'theirs';
  readonly ms: number;

  constructor(whose: 'ours' | 'theirs', ms: number) {
    this.whose = whose;
    this.ms = ms;
  }

  check = ({ clocks }: Readonly<Vendor>) => !clocks.isSet;

  async run({ clocks }: Vendor): Promise<void> {
    clocks.set(this.whose, this.ms);
  }

  toString = () => `${this.whose === 'ours' ? 'our' : 'the vendor’s'} clock is set by ${this.ms} ms`;
}

/** Draws what can happen to a subject. */
export function commandsOf({ late, failures, passes, sets, own = [] }: Subject): fc.Arbitrary<Command>[] {
  const kind = fc.nat(2);
  const which = fc.nat(20);
  const step = fc.nat(8);
  const appear = fc
    .tuple(fc.constantFrom(0, 0, ...late), fc.integer({ min: 1, max: 6 }), kind)
    .map((drawn) => new Appear(...drawn));
  const change = which.map((one) => new Change(one));
  const remove = which.map((one) => new Remove(one));
  const fail = fc
    .tuple(fc.constantFrom(...Object.entries(failures)), fc.integer({ min: 1, max: 4 }))
    .map(([[name, answer], times]) => new Fail(name, answer, times));
  const meanwhile = fc.tuple(step, fc.oneof(appear, change, remove)).map((drawn) => new Meanwhile(...drawn));
  const pass = fc.oneof(...passes.map((max) => fc.integer({ min: 1, max }))).map((ms) => new Pass(ms));
  const poll = fc.constant(null).map(() => new Poll());
  const kill = step.map((steps) => new Kill(steps));
  const set = fc.oneof(
    fc.constantFrom(7 * HOUR, -7 * HOUR).map((ms) => new SetClock('ours', ms)),
    fc.oneof(...sets.map((span) => fc.integer(span))).map((ms) => new SetClock('theirs', ms)),
  );
  const restart = fc.constant(null).map(() => new Restart());
  const usual = [appear, pass, poll, poll, kill, meanwhile];
  return [...usual, ...usual, change, fail, set, restart, remove, ...own];
}
