import { serve } from '../../../src/simulators/server.ts';
import { compileDefinition } from '../../../src/sources/_declarative/compile.ts';
import { parseDefinition } from '../../../src/sources/_declarative/parse.ts';
import { SimulatedVendor } from '../../../src/sources/_declarative/simulated-vendor.ts';
import { drive } from '../../http/support/rig.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { testPipeline } from '../../support/test-pipeline.ts';

export const NOW = '2026-03-02T12:00:00Z';

/** A definition with these parts in place of the sample's. */
export function definition(parts: Readonly<Record<string, string>>): string {
  const all: Readonly<Record<string, string>> = {
    id: 'sample',
    title: 'A sample',
    vendor: 'Sample',
    product: 'Sample',
    dataset: 'sample.records',
    event: '{ kind: event, category: [web], type: [info] }',
    auth: '{ bearer: "{{ options.token }}" }',
    request: '{ path: /records }',
    records: 'data',
    key: '[id]',
    map: '{ event.action: action }',
    ...parts,
  };
  return Object.entries(all)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('');
}

/** A definition against the vendor that it describes. */
export async function simulated(
  text: string,
  { cap, pages, config }: { readonly cap?: number; readonly pages?: number; readonly config?: object } = {},
) {
  const clock = new DrivenClock(NOW);
  const vendor = new SimulatedVendor(parseDefinition({ file: 'sample', text }), {
    now: () => clock.now(),
    ...(cap !== undefined && { cap }),
  });
  const server = await serve((request) => vendor.answer(request), { clock });
  const source = compileDefinition(text, 'sample', pages === undefined ? undefined : { pages });
  const lab = testPipeline({
    source,
    vendor: server,
    clock,
    config: { token: 'token-of-sample', ...config },
  });
  const poll = (diesAfter = Infinity) => drive(clock, lab.once({}, { diesAfter }));
  return {
    clock,
    vendor,
    server,
    source,
    lab,
    poll,
    actions: () => lab.events.map(({ event }) => event['event.action']),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
