import type { Finding, SourceContext } from '../../core/source.ts';
import { askTenants } from '../_petra/probe.ts';
import type { Options } from './options.ts';

/** What `penstock check` asks of Petra: the tenants alone, since one request for counts would cost a poll its minute. */
export async function* probe(run: SourceContext<Options>): AsyncGenerator<Finding, number> {
  return yield* askTenants(run);
}
