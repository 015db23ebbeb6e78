import type { ShapeOptions } from '../core/source.ts';
import type { DropRule } from '../ecs/drop-rules.ts';
import { ecsField, ecsNames } from '../ecs/fields.ts';
import { KEPT } from '../ecs/redaction.ts';
import { holdsText, Shape } from '../ecs/shape.ts';
import { ROUTING_FIELDS } from './options.ts';
import { didYouMean, identify, type Path, type Problems } from './problems.ts';
import { isRecord, membersOf, type Tree } from './tree.ts';
import type { SourceConfig } from './types.ts';
import type { ParsedFile } from './yaml.ts';

interface Reading {
  readonly source: SourceConfig;
  readonly shape: ShapeOptions;
  readonly tree: Tree;
  readonly files: readonly ParsedFile[];
  readonly problems: Problems;
}

/** Why a field cannot be removed or hashed. */
const NEEDED = new Map([
  ['@timestamp', 'every record has its time'],
  ['event.id', 'it identifies the event'],
  ['event.dataset', 'it decides where the event is stored'],
]);

/** Checks the fields and expressions of a `shape`, and compiles them. What is wrong is added to `problems`. */
export async function readShape(reading: Reading): Promise<Shape> {
  const { source, shape } = reading;
  const { remove, hash, original } = shape;
  const routing = routingFields(reading);
  for (const [index, name] of remove.entries()) checkField(reading, ['remove', index], name, routing);
  for (const [index, name] of (hash?.fields ?? []).entries()) checkHashed(reading, index, name, routing);
  const drop = shape.drop.length === 0 ? [] : await readRules(reading);
  return new Shape({ drop, remove, hash, original, fields: source.definition.fields, routing });
}

/** The fields that choose a namespace or a destination, if any of these do. */
function routingFields({ source, tree }: Reading): readonly string[] {
  const destinations = membersOf(tree.value['destinations']).map(([, block]) => block);
  const byTenant = destinations.some((block) => isRecord(block) && block['tenants'] !== undefined);
  return byTenant || 'tenants' in source.options ? ROUTING_FIELDS : [];
}

/** Whether an event of the source can have a field. */
function isField({ source: { definition } }: Reading, name: string): boolean {
  if (Object.hasOwn(definition.fields, name)) return true;
  const field = ecsField(name);
  if (field !== undefined) return !/^(?:object|nested|flattened)$/.test(field.type);
  return definition.openNamespace === true && name.startsWith(`${rootOf(definition.dataset)}.`);
}

function rootOf(name: string): string {
  return name.split('.')[0] ?? name;
}

function checkField(reading: Reading, below: Path, name: string, routing: readonly string[]): void {
  const { source, tree, problems } = reading;
  const path = ['sources', source.name, 'shape', ...below];
  const add = (message: string) => problems.add(tree.places.value(path), path, message);
  const needed = NEEDED.get(name) ?? (routing.includes(name) ? 'it chooses the tenant' : undefined);
  if (needed !== undefined) add(`\`${name}\` must stay: ${needed}`);
  else if (!isField(reading, name)) {
    const known = [...Object.keys(source.definition.fields), ...ecsNames()];
    add(`there is no field \`${name}\`${didYouMean(name, known, '`')}`);
  }
}

function checkHashed(reading: Reading, index: number, name: string, routing: readonly string[]): void {
  const { source, shape, tree, problems } = reading;
  const below = ['hash', 'fields', index];
  checkField(reading, below, name, routing);
  const path = ['sources', source.name, 'shape', ...below];
  const add = (message: string) => problems.add(tree.places.value(path), path, message);
  if (shape.remove.includes(name)) add(`\`${name}\` is in \`remove\` as well; keep it in one of them`);
  else if (KEPT.has(name) && !NEEDED.has(name))
    add(`\`${name}\` takes only values that ECS names, not a hash`);
  else if (isField(reading, name) && !holdsText(name, source.definition.fields)) {
    const party = /^(source|destination|client|server)\.ip$/.exec(name)?.[1];
    const instead = party === undefined ? '' : `, and hash \`${party}.address\`, which has the same value`;
    const type = ecsField(name)?.type ?? source.definition.fields[name];
    add(`\`${name}\` is of type ${type}, which holds no hash; remove it instead${instead}`);
  }
}

/** The expressions that are right. */
async function readRules(reading: Reading): Promise<readonly DropRule[]> {
  const { source, shape } = reading;
  const { Compiler, pathsUsed } = await import('../core/cel/expression.ts');
  const { eventVariables } = await import('./event-variables.ts');
  const compiler = new Compiler({ variables: eventVariables(source.definition) });
  return shape.drop.flatMap((text, index) => {
    const compiled = compiler.compile(text);
    if ('at' in compiled) {
      report(reading, index, text, compiled);
      return [];
    }
    if (!/^(?:bool|dyn)$/.test(compiled.type)) {
      const message = `expected an expression that is true or false (it is of type ${compiled.type})`;
      report(reading, index, text, { message, at: 0 });
    }
    return [{ expression: compiled, paths: pathsUsed(compiled.ast) }];
  });
}

function report(
  { source, tree, files, problems }: Reading,
  index: number,
  text: string,
  { message, at }: { readonly message: string; readonly at: number },
): void {
  const path = ['sources', source.name, 'shape', 'drop', index];
  const place = tree.places.value(path);
  const file = files.find((one) => one.file === place?.file);
  // Of a text that was filled in, only its beginning is known.
  const isWritten = place !== undefined && file !== undefined && !tree.substitutions.has(identify(path));
  const exact = isWritten ? file.placeWithin(place, text, at) : place;
  problems.add(exact, path, message.replace(/; here are .*$/s, '') + hintFor(source, text, { message, at }));
}

/** The name that an unknown one probably stands for: a field set, or a field of the same object. */
function hintFor(
  { definition }: SourceConfig,
  text: string,
  { message, at }: { readonly message: string; readonly at: number },
): string {
  const [, unknown] = /^there is no (?:variable )?`([^`]+)`/.exec(message) ?? [];
  if (unknown === undefined) return '';
  const [, object = ''] = /([\w.]*)\.\??$/.exec(text.slice(0, at)) ?? [];
  const above = object === '' ? '' : `${object}.`;
  const fields = [...ecsNames(), ...Object.keys(definition.fields)].filter((name) => name.startsWith(above));
  const names = new Set(fields.map((name) => rootOf(name.slice(above.length))));
  return didYouMean(unknown, [...names], '`');
}
