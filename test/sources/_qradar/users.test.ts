import { describe, expect, it } from 'vitest';
import { attempt, consoleBench, HOUR, MINUTE, NOW } from './support.ts';

const bench = consoleBench();

describe('names', () => {
  const USERS = '/api/config/access/users';
  const usersAsked = () => bench.console.requests.filter(({ path }) => path === USERS).length;

  it('names come from the list of users, which is read once an hour and only for new attempts', async () => {
    await bench.start({ users: [{ id: 7, username: 'anna' } as never], rows: [attempt(NOW - 3 * MINUTE)] });
    const lab = bench.lab({ resolve_users: true });
    await using process = lab.start();

    await process.poll();
    bench.console.add([attempt(NOW - 2 * MINUTE, { user_id: 8 })]);
    await process.poll();
    await bench.clock.advance(HOUR);
    await process.poll();

    expect(lab.events.map(({ event }) => event['user.name'])).toEqual(['anna', undefined]);
    expect(lab.events[0]?.event['related.user']).toEqual(['anna']);
    expect(usersAsked()).toBe(1);
  });

  it.each([403, 404, 500])(
    'names are left out, with one warning, when the list of users answers %i',
    async (status) => {
      await bench.start({ rows: [attempt(NOW - 3 * MINUTE)] });
      bench.console.onRequest = ({ path }) => (path === USERS ? { status, body: {} } : undefined);
      const lab = bench.lab({ resolve_users: true });

      await lab.once();

      expect(lab.events[0]?.event).toMatchObject({ 'user.id': '7' });
      expect(lab.lines.filter(({ msg }) => /list of users/.test(String(msg)))).toHaveLength(1);
    },
  );

  it.each([
    { status: 500, asked: 2 },
    { status: 422, asked: 1 },
  ])(
    'names are requested $asked times in two hours when the list of users answers $status',
    async ({ status, asked }) => {
      await bench.start({ rows: [attempt(NOW - 3 * MINUTE)] });
      bench.console.onRequest = ({ path }) => (path === USERS ? { status, body: {} } : undefined);
      await using process = bench.lab({ resolve_users: true }).start();
      await process.poll();
      await bench.clock.advance(2 * HOUR);
      bench.console.add([attempt(NOW + HOUR, { user_id: 8 })]);

      await process.poll();

      expect(usersAsked()).toBe(asked);
    },
  );
});
