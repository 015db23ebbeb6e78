import { describe, expect, it } from 'vitest';
import { Circuit } from '../../src/collect/circuit.ts';
import { RefusedError, UnauthorisedError, UnavailableError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';

const URL = 'https://vendor.example.com';
const HOUR = 3_600_000;
const NOW = Date.parse('2026-03-02T12:00:00Z');

const rejected = (status: 401 | 403) => new UnauthorisedError(`answered ${status}`, URL, status);
const wrong = new RefusedError('answered 422', URL, 422, '');

describe('Circuit', () => {
  it('a rejected credential stops the whole source, and is tried again after an hour', () => {
    const circuit = new Circuit(undefined);

    expect(circuit.note('a', rejected(401), NOW)).toBe(true);

    expect(circuit.stopsSource).toBe(true);
    expect(circuit.refused).toEqual({
      since: NOW,
      reason: 'answered 401',
      until: NOW + HOUR,
      misconfigured: false,
    });
    expect(circuit.mayPoll(NOW + HOUR - 1)).toBe(false);
    expect(circuit.mayPoll(NOW + HOUR)).toBe(true);
    expect(circuit.note('a', rejected(401), NOW + HOUR)).toBe(false);
    expect(circuit.refused).toMatchObject({ since: NOW, until: NOW + 2 * HOUR });
  });

  it('a 403 stops its stream, and the source until that stream is accepted or gone', () => {
    const circuit = new Circuit(undefined);
    circuit.note('a', rejected(403), NOW);
    circuit.note('b', undefined, NOW);

    expect(circuit.stopsSource).toBe(false);
    expect(circuit.rejected('a', NOW)?.status).toBe(403);
    expect(circuit.rejected('b', NOW)).toBeUndefined();
    expect(circuit.refused).toMatchObject({ since: NOW, misconfigured: false });
    circuit.keepOnly(new Set(['b']));
    expect(circuit.refused).toBeUndefined();
  });

  it('a 422 is not tried again by itself', () => {
    const circuit = new Circuit(undefined);
    circuit.note('a', wrong, NOW);

    expect(circuit.rejected('a', NOW + 100 * HOUR)).toBe(wrong);
    expect(circuit.refused).toEqual({
      since: NOW,
      reason: 'answered 422',
      until: undefined,
      misconfigured: true,
    });
  });

  it('shows a rejected credential before a rejected request, and both as refusals', () => {
    const circuit = new Circuit(undefined);
    circuit.note('a', wrong, NOW);
    circuit.note('b', rejected(403), NOW + 1);

    expect(circuit.refusals.map(({ reason }) => reason)).toEqual(['answered 403', 'answered 422']);
    expect(circuit.refused?.reason).toBe('answered 403');
  });

  it('a changed secret lets everything be tried at the next poll, and what is rejected again waits an hour', () => {
    let content = 'first';
    const circuit = new Circuit({ token: new Secret(content).rereadBy(() => content) });
    for (const stream of ['a', 'b']) circuit.note(stream, rejected(403), NOW);
    const later = NOW + 60_000;

    content = 'second';

    expect(circuit.mayPoll(later)).toBe(true);
    expect(['a', 'b'].map((stream) => circuit.rejected(stream, later))).toEqual([undefined, undefined]);
    expect(circuit.refused).toMatchObject({ since: NOW, until: 0 });
    expect(circuit.note('a', rejected(403), later)).toBe(true);
    // The log names this time, also while other streams are still to be tried.
    expect(circuit.refused).toMatchObject({ since: NOW, until: later + HOUR });
    circuit.note('b', undefined, later);
    circuit.pollEnded();
    expect([circuit.rejected('a', later)?.status, circuit.rejected('b', later)]).toEqual([403, undefined]);
  });

  it('a failure that is no refusal stops nothing', () => {
    const circuit = new Circuit(undefined);

    expect(circuit.note('a', new UnavailableError('answered 503', URL, 503), NOW)).toBe(false);

    expect(circuit.refused).toBeUndefined();
    expect(circuit.mayPoll(NOW)).toBe(true);
  });

  it('shows what the process before reported until a poll has ended, and polls meanwhile', () => {
    const before = { since: NOW - HOUR, reason: 'answered 401', until: NOW + HOUR, misconfigured: false };
    const accepted = new Circuit(undefined, before);
    const refused = new Circuit(undefined, before);

    expect(accepted.mayPoll(NOW)).toBe(true);
    expect(accepted.refused).toMatchObject({ since: NOW - HOUR, until: 0 });
    accepted.pollEnded();
    expect(accepted.refused).toBeUndefined();
    refused.note('a', rejected(401), NOW);
    refused.pollEnded();
    expect(refused.refused).toMatchObject({ since: NOW - HOUR, until: NOW + HOUR });
  });
});
