import { EcsFlat } from '@elastic/ecs';

const DOUBLES: ReadonlySet<string> = new Set(['float', 'double', 'scaled_float', 'half_float']);

/** The source text of `src/ecs/double-fields.generated.ts`. */
export function doubleFields(): string {
  const names = Object.entries(EcsFlat as unknown as Readonly<Record<string, { readonly type: string }>>)
    .filter(([, { type }]) => DOUBLES.has(type))
    .map(([name]) => `  '${name}',\n`);
  return `/** Fields that ECS stores as floating-point numbers. Made by \`npm run generate\` from \`@elastic/ecs\`. */
export const ECS_DOUBLES: ReadonlySet<string> = new Set([
${names.join('')}]);
`;
}
