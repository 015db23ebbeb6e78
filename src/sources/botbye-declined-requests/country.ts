import countries from 'i18n-iso-countries/index.js';

/** Kosovo has no code of ISO 3166-1. Petra writes `XK`, so that one country has one code over all sources. */
const KOSOVO = 'XKX';

/** ISO 3166-1 alpha-2 of an alpha-3 code, `XK` of Kosovo's; undefined for anything else, which is not guessed at. */
export function alpha2Of(code: string): string | undefined {
  if (code === KOSOVO) return 'XK';
  // The library looks codes up in a plain object, which knows `constructor` too.
  return /^[A-Z]{3}$/.test(code) ? countries.alpha3ToAlpha2(code) : undefined;
}
