import * as z from 'zod';
import type { Source } from '../core/source.ts';

/** What `penstock sources TYPE` lists of an option. */
export interface OptionRow {
  readonly option: string;
  /** `required`, or the default as the configuration would have it; empty without one. */
  readonly default: string;
  readonly description: string;
}

interface OptionSchema {
  readonly properties?: Readonly<
    Record<string, { readonly description?: string; readonly default?: unknown }>
  >;
  readonly required?: readonly string[];
}

/** The options of a source type, in order. */
export function optionRows({ options }: Source): readonly OptionRow[] {
  const { properties = {}, required = [] } = z.toJSONSchema(options, {
    io: 'input',
    unrepresentable: 'any',
  }) as OptionSchema;
  return Object.entries(properties).map(([option, { description = '', default: fallback }]) => ({
    option,
    default: required.includes(option) ? 'required' : shown(fallback),
    description,
  }));
}

function shown(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
