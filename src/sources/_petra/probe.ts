import type { Finding } from '../../core/source.ts';
import { type PetraRun, readTenants } from './tenants.ts';

/** The tenants of the organisation that are read, and those that the options name and Petra does not list. */
export async function* askTenants(run: PetraRun): AsyncGenerator<Finding, number> {
  const tenants = await readTenants(run);
  const unlisted = tenants.filter(({ listed }) => !listed).map(({ id }) => id);
  const probe = 'tenants';
  const detail = `${tenants.length - unlisted.length} tenants are listed`;
  if (unlisted.length === 0 && tenants.length > 0) yield { probe, verdict: 'ok', detail, advice: '' };
  else if (unlisted.length === 0)
    yield {
      probe,
      verdict: 'warn',
      detail: 'Petra lists no tenant: there is nothing to read.',
      advice: 'Onboard a tenant at Petra, or use a key of the organisation that has some.',
    };
  else
    yield {
      probe,
      verdict: 'warn',
      detail: `${detail}; not listed: ${unlisted.join(', ')}`,
      advice: 'Correct the ids in `tenants` (Petra or Microsoft ids), or take out those that have left.',
    };
  return tenants.length;
}
