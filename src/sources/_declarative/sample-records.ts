import type { Definition } from './definition.ts';
import { replacedAt } from './path.ts';
import { writtenTime } from './simulated-answer.ts';

/** The example with another key and another time: a record of a simulated vendor. `at`: epoch ms. */
export function variantOf(
  { rules }: Pick<Definition, 'rules'>,
  example: unknown,
  { number, at }: { readonly number: number; readonly at: number },
): unknown {
  let record = example;
  for (const { steps } of (rules.key ?? []).filter(({ of }) => of === 'record'))
    record = replacedAt(record, steps, `id-${String(number).padStart(4, '0')}`);
  return rules.time === undefined
    ? record
    : replacedAt(record, rules.time.path.steps, writtenTime(at, rules.time.format));
}
