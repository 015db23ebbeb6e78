import type { SimulatedRequest } from '../../../src/simulators/server.ts';
import { CONSOLE_LIMIT, PETRA_LIMIT, type World } from './world.ts';

/** Requests for one stream, as the vendor saw them. */
interface Asked {
  readonly source: string;
  readonly requests: readonly SimulatedRequest[];
  readonly limit: { readonly requests: number; readonly per: number };
}

const ATTEMPTS = '/api/access/login_attempts';

function requestsFor(requests: readonly SimulatedRequest[], path: string): SimulatedRequest[] {
  return requests.filter((request) => request.path === path);
}

/** Every source with the requests that only it makes. */
export function askedBySource({ consoles, petra }: World): readonly Asked[] {
  return [
    ...[...consoles].map(([source, { requests }]) => ({
      source,
      requests: requestsFor(requests, ATTEMPTS),
      limit: CONSOLE_LIMIT,
    })),
    { source: 'incidents', requests: requestsFor(petra.requests, '/v1/incidents'), limit: PETRA_LIMIT },
    { source: 'attacks', requests: requestsFor(petra.requests, '/v1/failed-attacks'), limit: PETRA_LIMIT },
  ];
}

/** The process that made a request. */
export function replicaOf({ headers }: SimulatedRequest): string {
  return headers['x-replica'] ?? 'nobody';
}

/**
 * Where a source was polled by two processes at once: one made a request while another's was not answered. A connection
 * that ends (its process was killed) ends its request.
 */
export function pollsAtOnce({ source, requests }: Asked): string[] {
  return requests.flatMap((request, index) => {
    const mine = replicaOf(request);
    const other = requests
      .slice(0, index)
      .find((earlier) => replicaOf(earlier) !== mine && (earlier.ended ?? Infinity) > request.at);
    return other === undefined ? [] : [`${source} was polled by ${replicaOf(other)} and ${mine} at once`];
  });
}

/** Where a sliding window of the limit's length held more requests than the limit. */
export function windowsAboveLimit({ source, requests, limit }: Asked): string[] {
  return requests.flatMap(({ at }, index) => {
    const first = requests[index - limit.requests];
    const isAbove = first !== undefined && first.at > at - limit.per;
    return isAbove ? [`${source} was asked ${limit.requests + 1} times within ${at - first.at} ms`] : [];
  });
}

/** Who polls a source now: the process of its latest request; undefined before the first. */
export function holderOf(world: World, source: string): string | undefined {
  const latest = askedBySource(world)
    .find((asked) => asked.source === source)
    ?.requests.at(-1);
  return latest && replicaOf(latest);
}
