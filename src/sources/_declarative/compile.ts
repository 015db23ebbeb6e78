import type { Source } from '../../core/source.ts';
import { type Limits, LIMITS } from './definition.ts';
import { parseDefinition } from './parse.ts';
import { sourceOf } from './source-of.ts';

/**
 * The source that a `source.yaml` describes. `file`: its path, for messages.
 * @throws ConfigError with everything that is wrong, one line each: `file:line:column key: what is wrong`
 */
export function compileDefinition(text: string, file: string, limits: Limits = LIMITS): Source {
  return sourceOf(parseDefinition({ file, text }), limits);
}
