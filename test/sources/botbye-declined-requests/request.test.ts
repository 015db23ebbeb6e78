import { afterEach, describe, expect, it } from 'vitest';
import { RefusedError, UnauthorisedError } from '../../../src/core/errors.ts';
import { startBotBye, type BotBye, type BotByeOptions } from '../../../src/simulators/botbye.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import source from '../../../src/sources/botbye-declined-requests/index.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { type TestPipeline, testPipeline } from '../../support/test-pipeline.ts';

let botbye: BotBye;

afterEach(() => botbye[Symbol.asyncDispose]());

async function lab(
  vendor: Partial<BotByeOptions>,
  config: Record<string, unknown> = {},
): Promise<TestPipeline> {
  const clock = new DrivenClock('2026-03-02T12:10:00Z');
  botbye = await startBotBye({
    clock,
    random: seeded(1),
    key: 'the key',
    accountId: 'acc-1',
    projectIds: ['p-1'],
    ...vendor,
  });
  return testPipeline({
    source,
    vendor: botbye,
    clock,
    config: { token: 'the key', account_id: 'acc-1', project_ids: ['p-1'], ...config },
  });
}

describe('the request', () => {
  it('each project and type is requested as documented, with a bearer token', async () => {
    const reading = await lab(
      { projectIds: ['p-1', 'p-2'] },
      { project_ids: ['p-1', 'p-2'], interval_type: 'HOUR' },
    );

    await reading.once();

    expect(botbye.requests).toHaveLength(10);
    expect(botbye.requests[0]).toMatchObject({
      method: 'GET',
      path: '/api/v1/acc-1/projects/p-1/overviews/declined_requests',
      headers: { authorization: 'Bearer the key' },
    });
    expect([...(botbye.requests[0]?.query ?? [])]).toEqual([
      ['type', 'attack_source'],
      ['interval', '1'],
      ['interval_type', 'HOUR'],
    ]);
    expect(reading.events.length).toBeGreaterThan(10);
  });

  it('the other documented header, path and total can be configured', async () => {
    const reading = await lab(
      { auth: 'x-api-key', resource: 'declined_events', total: 'object' },
      { auth: 'x-api-key', resource: 'declined_events', types: ['total_endpoint'] },
    );

    await reading.once();

    expect(reading.events).toHaveLength(1);
  });

  it.each([
    [
      'another project',
      { project_ids: ['p-9'] },
      RefusedError,
      'Check account_id and project_ids, and `resource`',
    ],
    ['another path', { resource: 'declined_events' }, RefusedError, '`resource`'],
    ['another token', { token: 'another key' }, UnauthorisedError, '401'],
  ])('a request with %s says what to check', async (_what, config, type, message) => {
    const reading = await lab({}, config);

    const polling = reading.once();

    await expect(polling).rejects.toThrow(type);
    await expect(polling).rejects.toThrow(message);
  });
});
