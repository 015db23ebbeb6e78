import fc from 'fast-check';
import { expect, it } from 'vitest';
import { writtenTime } from '../../../src/sources/_declarative/simulated-answer.ts';
import {
  floorTo,
  isoText,
  readTime,
  type TimeFormat,
  unitOf,
} from '../../../src/sources/_declarative/time.ts';

const FORMATS: readonly TimeFormat[] = [
  { kind: 'iso' },
  { kind: 'epoch_s' },
  { kind: 'epoch_ms' },
  { kind: 'epoch_us' },
  { kind: 'epoch_ns' },
  { kind: 'format', pattern: "yyyy-MM-dd'T'HH:mm:ss.SSS", zone: 'America/New_York' },
];

it.each(FORMATS)('a time that is written as %j is read as the same time', (format) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_102_444_800_000 }), (ms) => {
      // The hour that a zone has twice in autumn has two readings.
      fc.pre(format.kind !== 'format' || new Date(ms).getUTCMonth() !== 10);
      expect(readTime(writtenTime(ms, format), format)?.ms).toBe(ms);
    }),
  );
});

it.each<[unknown, TimeFormat, string | undefined]>([
  ['2026-03-02T12:00:00.123456789Z', { kind: 'iso' }, '2026-03-02T12:00:00.123456789Z'],
  ['2026-03-02T12:00:00.100+0130', { kind: 'iso' }, '2026-03-02T10:30:00.100Z'],
  ['2026-03-02 12:00:00-05:00', { kind: 'iso' }, '2026-03-02T17:00:00.000Z'],
  ['2026-03-02T12:00:00', { kind: 'iso' }, undefined],
  ['2026-03-02T12:00:00', { kind: 'iso', zone: 'Europe/Berlin' }, '2026-03-02T11:00:00.000Z'],
  ['2026-02-30T12:00:00Z', { kind: 'iso' }, undefined],
  ['yesterday', { kind: 'iso' }, undefined],
  [7, { kind: 'iso' }, undefined],
  [1_772_452_800.5, { kind: 'epoch_s' }, '2026-03-02T12:00:00.500Z'],
  ['1772452800', { kind: 'epoch_s' }, '2026-03-02T12:00:00.000Z'],
  [1_772_452_800_123_456, { kind: 'epoch_us' }, '2026-03-02T12:00:00.123456Z'],
  ['1772452800123456789', { kind: 'epoch_ns' }, '2026-03-02T12:00:00.123456789Z'],
  [1_772_452_800_000_000, { kind: 'epoch_ms' }, undefined],
  [-1, { kind: 'epoch_s' }, undefined],
  ['', { kind: 'epoch_s' }, undefined],
  [
    '02.03.2026 13:00',
    { kind: 'format', pattern: 'dd.MM.yyyy HH:mm', zone: 'Europe/Berlin' },
    '2026-03-02T12:00:00.000Z',
  ],
])('%j as %j is %s', (value, format, text) => {
  const time = readTime(value, format);

  expect(time && isoText(time)).toBe(text);
});

it.each([
  ['yyyy-MM-dd', 86_400_000],
  ['yyyy-MM-dd HH', 3_600_000],
  ['yyyy-MM-dd HH:mm', 60_000],
  ["yyyy-MM-dd'T'HH:mm:ss", 1_000],
  ['yyyy-MM-dd HH:mm:ss.SSS', 1],
])('a time printed as %s is exact to %i ms', (pattern, unit) => {
  expect(unitOf(pattern)).toBe(unit);
  expect(floorTo(unit * 3 + unit - 1, unit)).toBe(unit * 3);
});
