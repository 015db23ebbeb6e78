import type { SimulatedAnswer, SimulatedRequest } from '../../../src/simulators/server.ts';

/** What a proxy hands on, as it is. */
const PASSED = ['content-type', 'content-encoding'];

/** Asks `target` (a base URL) what was asked here, and answers as it does. */
export async function forward(
  target: string,
  { method, path, query, headers, body }: SimulatedRequest,
): Promise<SimulatedAnswer> {
  const passed = PASSED.flatMap((name): [string, string][] => {
    const value = headers[name];
    return value === undefined ? [] : [[name, value]];
  });
  const response = await fetch(`${target}${path}?${query}`, {
    method,
    headers: passed,
    ...(body.length > 0 && { body: Uint8Array.from(body) }),
  });
  const type = response.headers.get('content-type');
  return {
    status: response.status,
    headers: type === null ? {} : { 'content-type': type },
    body: Buffer.from(await response.arrayBuffer()),
  };
}
