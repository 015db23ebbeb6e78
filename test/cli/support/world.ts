import { writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { workspace } from '../../support/cli.ts';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import { type BotBye, startBotBye } from '../../../src/simulators/botbye.ts';
import { type Receiver, startReceiver } from '../../../src/simulators/otlp-receiver.ts';
import { drawTenants } from '../../../src/simulators/petra-organisation.ts';
import { type Petra, startPetra } from '../../../src/simulators/petra.ts';
import { loginAttempts } from '../../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../../src/simulators/qradar.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import { command, type Outcome } from './command.ts';

/** Every secret of the configurations made here. */
export const SECRETS = {
  console: 'token-of-the-console-Ab12',
  petra: 'token-of-petra-Cd34',
  botbye: 'token-of-botbye-Ef56',
  siem: 'token-of-the-siem-Gh78',
} as const;

const HOUR = 3_600_000;

/** A vendor of each kind and a receiver on loopback, a configuration that names them, and a state of its own. */
export interface World extends AsyncDisposable {
  readonly clock: Clock;
  readonly path: string;
  readonly config: string;
  readonly console: SimulatedConsole;
  readonly petra: Petra;
  readonly botbye: BotBye;
  readonly receiver: Receiver;
  /** Source blocks by name, to choose from. */
  readonly blocks: Readonly<Record<string, Record<string, unknown>>>;
  /** Writes the configuration: these sources, and what else it says. */
  configure(
    sources: Readonly<Record<string, Record<string, unknown>>>,
    more?: Record<string, unknown>,
  ): Promise<void>;
  /** Runs a command with that configuration, unless the line names another. */
  run(line: string, setting?: Parameters<typeof command>[1]): Promise<Outcome>;
}

interface WorldOptions {
  readonly clock?: Clock;
  /** Login attempts of the last hour. */
  readonly rows?: number;
  /** What Petra answers of failed attacks in a minute; 1 by default. */
  readonly attacksPerMinute?: number;
}

export async function openWorld({
  clock = systemClock,
  rows = 40,
  attacksPerMinute = 1,
}: WorldOptions = {}): Promise<World> {
  await using opened = new AsyncDisposableStack();
  const random = seeded(11);
  const now = clock.now();
  const space = opened.use(await workspace());
  const console = opened.use(
    await startConsole({
      clock,
      token: SECRETS.console,
      rows: loginAttempts({ random, count: rows, from: now - HOUR, to: now - 120_000 }),
    }),
  );
  const petra = opened.use(
    await startPetra({
      clock,
      random,
      token: SECRETS.petra,
      tenants: drawTenants(random, 3),
      limits: { 'failed-attacks': attacksPerMinute },
    }),
  );
  const botbye = opened.use(
    await startBotBye({ clock, random, key: SECRETS.botbye, accountId: 'acme', projectIds: ['shop'] }),
  );
  const receiver = opened.use(await startReceiver({ clock }));
  const blocks = {
    console: {
      type: 'qradar-login-attempts',
      base_url: console.url,
      token: SECRETS.console,
      schedule: 'every 1m',
    },
    incidents: { type: 'petra-incidents', base_url: petra.url, token: SECRETS.petra, schedule: 'every 1m' },
    attacks: {
      type: 'petra-failed-attacks',
      base_url: petra.url,
      token: SECRETS.petra,
      schedule: 'every 10m',
    },
    declined: {
      type: 'botbye-declined-requests',
      base_url: botbye.url,
      account_id: 'acme',
      project_ids: ['shop'],
      token: SECRETS.botbye,
      schedule: 'every 5m',
    },
  };
  const resources = opened.move();
  const world: World = {
    clock,
    path: space.path,
    config: space.config,
    console,
    petra,
    botbye,
    receiver,
    blocks,
    async configure(sources, more = {}) {
      const siem = { endpoint: receiver.url, headers: { authorization: `Bearer ${SECRETS.siem}` } };
      const settings = {
        state: { path: `${space.path}/state` },
        destinations: { siem },
        log: { level: 'warn' },
        sources,
        ...more,
      };
      await writeFile(space.config, stringify(settings));
    },
    run: (line, setting) => {
      const args = line.split(' ');
      const config = args.includes('-c') ? [] : ['-c', space.config];
      return command([...args, ...config], { clock, cwd: space.path, ...setting });
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
  await world.configure({ console: blocks.console });
  return world;
}
