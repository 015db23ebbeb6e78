import countries from 'i18n-iso-countries/index.js';

/** User-assigned (Kosovo), so no code of ISO 3166-1, though the library has it. */
const USER_ASSIGNED = new Set(['XKX']);

/** ISO 3166-1 alpha-2 of an alpha-3 code; undefined for anything else, which is not guessed at. */
export function alpha2Of(code: string): string | undefined {
  // The library looks codes up in a plain object, which knows `constructor` too.
  if (!/^[A-Z]{3}$/.test(code) || USER_ASSIGNED.has(code)) return undefined;
  return countries.alpha3ToAlpha2(code);
}
