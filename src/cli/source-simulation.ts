import { explain } from '../core/errors.ts';
import { counted } from '../core/text.ts';
import { Trial, TrialClock } from '../runtime/trial.ts';
import { serve, type SimulatedAnswer, type SimulatedRequest } from '../simulators/server.ts';
import type { Definition } from '../sources/_declarative/definition.ts';
import type { Difference } from '../sources/_declarative/difference.ts';
import type { Fixture } from '../sources/_declarative/fixture.ts';
import { valueAt } from '../sources/_declarative/path.ts';
import { SimulatedStock } from '../sources/_declarative/simulated-stock.ts';
import { type TokenPlace, tokenPlace } from '../sources/_declarative/simulated-tokens.ts';
import { SimulatedVendor } from '../sources/_declarative/simulated-vendor.ts';
import { sourceOf } from '../sources/_declarative/source-of.ts';

/** What a definition did with one behaviour of a simulated vendor. */
export interface SimulationRun {
  readonly simulated: string;
  readonly events: number;
  readonly differences: readonly Difference[];
}

/** A way in which a vendor behaves. */
interface Scenario {
  readonly name: string;
  /** The records at the start, and the most in a page. */
  readonly records: number;
  readonly cap: number;
  readonly applies?: (definition: Definition, token: TokenPlace | undefined) => boolean;
  readonly run: (world: World) => Promise<void>;
}

const SMALL = { records: 60, cap: 20 };

const SCENARIOS: readonly Scenario[] = [
  { name: 'pages, records of one time', records: 101, cap: 40, run: (world) => world.poll() },
  { name: 'a last page that is exactly full', ...SMALL, run: (world) => world.poll() },
  {
    name: 'late records, new ones during the walk',
    ...SMALL,
    async run(world) {
      world.insertDuringWalk();
      await world.poll();
      world.addLate();
      await world.poll();
    },
  },
  { name: 'kills between pages', ...SMALL, run: (world) => world.pollWithKills() },
  {
    name: '429, an answer that is cut off',
    ...SMALL,
    async run(world) {
      world.faults.push({ status: 429, headers: { 'retry-after': '7' } });
      world.faults.push({ status: 200, body: '{"cut": "off here"}', fault: 'truncate' });
      await world.poll();
    },
  },
  {
    name: 'a token that expired',
    ...SMALL,
    applies: (_, token) => token !== undefined,
    async run(world) {
      world.faults.push({ status: 401 });
      await world.poll();
    },
  },
  {
    name: 'a position that expired',
    ...SMALL,
    applies: ({ cursor }) => cursor.kind === 'position' && cursor.expired.length > 0,
    async run(world) {
      await world.poll();
      world.vendor.expire();
      world.addLate();
      await world.poll();
    },
  },
];

/**
 * Runs a definition against a vendor that is simulated from it, once for each way to behave. Its records are made of the
 * first one that a fixture has; without one, and where an expression reads the answer, nothing is simulated.
 */
export async function simulate(
  definition: Definition,
  fixtures: readonly Fixture[],
): Promise<readonly SimulationRun[]> {
  if (!canSimulate(definition)) return [];
  for (const { options, polls } of fixtures) {
    const answers = polls.flatMap(({ exchanges }) => exchanges.map(({ response }) => response.body));
    const [example] = answers.flatMap((body) => recordsIn(definition, body));
    if (example === undefined) continue;
    const token = tokenPlace(definition, options);
    const runs: SimulationRun[] = [];
    for (const scenario of SCENARIOS) {
      if (scenario.applies?.(definition, token) === false) continue;
      const world = new World({ definition, options, example, token, now: polls[0]?.now ?? 0 }, scenario);
      runs.push(await world.run());
    }
    return runs;
  }
  return [];
}

/** An expression cannot be turned into the answer that it reads. */
function canSimulate({ paging, cursor }: Definition): boolean {
  const values = [...Object.values(paging), ...Object.values(cursor)] as readonly unknown[];
  return !values.some((value) => typeof value === 'object' && value !== null && 'cel' in value);
}

function recordsIn({ records }: Definition, body: unknown): readonly unknown[] {
  const found = valueAt(body, records.steps);
  return Array.isArray(found) ? (found as unknown[]) : [];
}

interface WorldParts {
  readonly definition: Definition;
  readonly options: Fixture['options'];
  readonly example: unknown;
  readonly token: TokenPlace | undefined;
  readonly now: number;
}

/** One vendor, and the polls of it. */
class World {
  readonly vendor: SimulatedVendor;
  /** Answers for the next requests, those of tokens not counted. */
  readonly faults: SimulatedAnswer[] = [];
  readonly #parts: WorldParts;
  readonly #scenario: Scenario;
  readonly #clock: TrialClock;
  readonly #stock: SimulatedStock;
  readonly #failures: string[] = [];
  #trial: Trial | undefined;

  constructor(parts: WorldParts, scenario: Scenario) {
    const { definition, options, example, now } = parts;
    this.#parts = parts;
    this.#scenario = scenario;
    this.#clock = new TrialClock(Math.floor(now / 1_000) * 1_000);
    const clock = this.#clock;
    // Without pages, an answer has everything.
    const cap =
      definition.paging.kind === 'none' && definition.cursor.kind !== 'position' ? undefined : scenario.cap;
    this.vendor = new SimulatedVendor(definition, {
      now: () => clock.now(),
      ...(cap !== undefined && { cap }),
    });
    this.#stock = new SimulatedStock({ definition, options, example, vendor: this.vendor });
    this.#stock.fill(scenario.records, clock.now());
  }

  async run(): Promise<SimulationRun> {
    const { definition, options } = this.#parts;
    const clock = this.#clock;
    await using server = await serve((request) => this.#answer(request), { clock });
    const source = sourceOf(definition);
    const trial = new Trial({ source, options, server: server.url, clock });
    this.#trial = trial;
    await this.#scenario.run(this);
    const own = trial.events.filter(({ event }) => event['event.dataset'] === definition.dataset);
    const sound = own.filter(({ event }) => event['event.kind'] !== 'pipeline_error');
    const found = {
      events: new Set(sound.map(({ uid }) => uid)).size,
      repeated: own.length - new Set(own.map(({ uid }) => uid)).size,
      malformed: own.length - sound.length,
    };
    const expected = { events: this.#stock.keys, repeated: 0, malformed: 0 };
    const at = `simulated vendor (${this.#scenario.name})`;
    const isSame = Object.entries(expected).every(([name, count]) => Reflect.get(found, name) === count);
    const differences = [
      ...this.#failures.map((got) => ({ at, expected: 'a complete poll', got })),
      ...(isSame ? [] : [{ at, expected, got: found }]),
    ];
    return { simulated: this.#scenario.name, events: found.events, differences };
  }

  /** Polls until caught up. */
  async poll(): Promise<void> {
    const result = await this.#trial?.poll();
    for (const error of result?.errors ?? []) this.#failures.push(explain(error));
  }

  /** Kills a process after its first page, the next one after its second, and so on, until one lives. */
  async pollWithKills(): Promise<void> {
    for (let pages = 1; pages <= 2 * this.#scenario.records; pages += 1)
      if ((await this.#trial?.poll(pages))?.outcome === 'complete') return;
    this.#failures.push(`no poll came to its end with ${counted(2 * this.#scenario.records, 'page')}`);
  }

  /** Adds a record before the second answer. */
  insertDuringWalk(): void {
    let answers = 0;
    this.vendor.onAnswer = () => {
      answers += 1;
      if (answers === 2) this.#stock.add(this.#clock.now());
    };
  }

  /** Adds records whose times have passed, and lets the vendor settle. */
  addLate(): void {
    const { settle = 0 } = this.#parts.options as { readonly settle?: number };
    const late = this.#clock.now() - Math.floor(settle / 2_000) * 1_000;
    for (let count = 0; count < 5; count += 1) this.#stock.add(late);
    this.#clock.set(this.#clock.now() + settle + 60_000);
  }

  #answer(request: SimulatedRequest): SimulatedAnswer {
    const { token } = this.#parts;
    if (token !== undefined && request.path === token.path) return { status: 200, body: token.body };
    return this.faults.shift() ?? this.vendor.answer(request);
  }
}
