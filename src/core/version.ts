import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

/** Our own package.json, above this module both in `src` and in `dist`. */
export const MANIFEST: string = findPackageJSON(import.meta.url) ?? 'package.json';

/** The release, as package.json names it. */
export const VERSION: string = (JSON.parse(readFileSync(MANIFEST, 'utf8')) as { version: string }).version;
