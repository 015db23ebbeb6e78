import type { CommonOptions, Finding, Source } from '../core/source.ts';

/** Shorter keys can be found by trying them. Characters. */
const SHORTEST_KEY = 16;

/** What an operator should know about the `shape` of a source. */
export function shapeFindings(
  { keyFields = [] }: Pick<Source, 'keyFields'>,
  { shape }: Pick<CommonOptions, 'shape'>,
): readonly Finding[] {
  if (shape === undefined) return [];
  const kept = [...shape.remove, ...(shape.hash?.fields ?? [])].filter((name) =>
    keyFields.some((field) => name === field || name.startsWith(`${field}.`)),
  );
  const key = shape.hash?.key.reveal();
  return [
    ...(kept.length === 0 ? [] : [keptFinding(kept)]),
    ...(key !== undefined && key.length < SHORTEST_KEY ? [SHORT_KEY] : []),
  ];
}

function keptFinding(kept: readonly string[]): Finding {
  return {
    probe: 'shape',
    verdict: 'warn',
    detail: `${kept.join(', ')}: events are shipped without the value, but the state keeps it or a hash of it, to recognise records that are read again`,
    advice: 'protect the state as you would the data (docs/security.md, "Removed and hashed fields")',
  };
}

const SHORT_KEY: Finding = {
  probe: 'shape',
  verdict: 'warn',
  detail: `the key of shape.hash is shorter than ${SHORTEST_KEY} characters, so it can be found by trying`,
  advice: 'set a random one, for example from `openssl rand -hex 32`',
};
