import { readFileSync } from 'node:fs';

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** The release, as package.json names it; beside `src` and beside `dist`. */
export const VERSION: string = manifest.version;
