import type { VariableType } from '../core/cel/expression.ts';
import type { FieldType } from '../core/event.ts';
import type { Source } from '../core/source.ts';
import { ecsField, ecsNames } from '../ecs/fields.ts';

interface Types {
  [member: string]: Types | string;
}

/** A name that CEL reads as a variable. ECS has one that CEL reserves, `package`. */
const IDENTIFIER = /^(?!package$)[A-Za-z_]\w*$/;

/** The types of an event's fields as variables of CEL: each field set of ECS, and the vendor's own. */
export function eventVariables(
  source: Pick<Source, 'dataset' | 'fields' | 'openNamespace'>,
): Readonly<Record<string, VariableType>> {
  const types: Types = {};
  for (const name of ecsNames()) {
    const field = ecsField(name);
    if (field !== undefined) declare(types, name, typeOf(field));
  }
  for (const [name, type] of Object.entries(source.fields)) declare(types, name, own(type));
  types['labels'] = 'map<string, string>';
  const [namespace = ''] = source.dataset.split('.');
  if (source.openNamespace === true) types[namespace] = 'dyn';
  return Object.fromEntries(Object.entries(types).filter(([name]) => IDENTIFIER.test(name)));
}

function declare(types: Types, name: string, type: string): void {
  const path = name.split('.');
  const last = path.pop() ?? name;
  let object = types;
  for (const step of path) {
    const next = (object[step] ??= {});
    // A field that is both a value and an object has any type.
    if (typeof next === 'string') {
      object[step] = 'dyn';
      return;
    }
    object = next;
  }
  object[last] = typeof object[last] === 'object' ? 'dyn' : type;
}

const TEXTS = new Set([
  'keyword',
  'constant_keyword',
  'wildcard',
  'text',
  'match_only_text',
  'ip',
  'date',
  'version',
]);

function typeOf({ type, array }: { readonly type: string; readonly array: boolean }): string {
  const one = TEXTS.has(type) ? 'string' : type === 'boolean' ? 'bool' : 'dyn';
  return array && one !== 'dyn' ? `list<${one}>` : one;
}

/** A vendor's field may have several values. */
function own(type: FieldType): string {
  return type === 'boolean' ? 'bool' : 'dyn';
}
