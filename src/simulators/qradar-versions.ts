import { Refusal } from './qradar-problem.ts';

/** Which API versions a console knows, newest first, as it lists them: `27.0`. */
export interface Versions {
  readonly supported: readonly string[];
  /** Answered, with a `Deprecated` header. */
  readonly deprecated: readonly string[];
}

/** QRadar 7.5.0 UP14 and JSA 7.5.0: their versions do not meet. Both vendors' "supported versions" pages. */
export const VERSIONS: Readonly<Record<'qradar' | 'jsa', Versions>> = {
  qradar: { supported: ['27.0', '26.0', '25.0'], deprecated: ['24.0'] },
  jsa: { supported: ['17.0', '16.0', '15.0'], deprecated: ['14.0'] },
};

/** Headers that an answer in this version carries. Without a version the newest is meant. @throws Refusal 422 */
export function versionHeaders(
  version: string | undefined,
  { supported, deprecated }: Versions,
): Readonly<Record<string, string>> {
  if (version === undefined || supported.includes(version)) return {};
  if (deprecated.includes(version)) return { deprecated: `Version ${version} is deprecated` };
  const removed = /^\d+\.0$/.test(version) && Number(version) < Number(supported[0]);
  const fault = removed ? 'has been removed and is no longer valid' : 'is not a valid version';
  throw new Refusal(
    1005,
    `Version (${version}) from header parameter (Version) ${fault}. Please refer to documentation for list of valid versions.`,
  );
}

/** `GET /api/help/versions`. */
export function versionList({ supported, deprecated }: Versions): unknown[] {
  return [...supported, ...deprecated].map((version) => ({
    id: Number.parseInt(version, 10),
    version,
    deprecated: deprecated.includes(version),
    removed: false,
  }));
}
