import { stringify } from 'yaml';
import { ownSchema } from '../../support/postgres.ts';
import { openWorld, SECRETS, type World } from './world.ts';

/** A world whose state is in PostgreSQL, in a schema of its own. */
export interface SharedWorld extends World {
  readonly url: string;
  readonly schema: string;
  /** The settings that name the state. */
  readonly state: Record<string, unknown>;
}

export async function openSharedWorld(): Promise<SharedWorld> {
  await using opened = new AsyncDisposableStack();
  const { url, schema } = opened.use(await ownSchema());
  const world = opened.use(await openWorld());
  const state = { postgres: { url, schema }, lease: '3s' };
  await world.configure({ console: world.blocks['console'] ?? {} }, { state });
  const resources = opened.move();
  return { ...world, url, schema, state, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** The text of a configuration of this world with another place for the state. */
export function configurationAt(world: World, state: Record<string, unknown>): string {
  return stringify({
    state,
    destinations: {
      siem: { endpoint: world.receiver.url, headers: { authorization: `Bearer ${SECRETS.siem}` } },
    },
    log: { level: 'warn' },
    sources: { console: world.blocks['console'] },
  });
}
