import type { Secret } from '../../core/secret.ts';
import type { CommonOptions, Quota } from '../../core/source.ts';

/** Where Petra Security answers, without the version that every path begins with. */
export const BASE_URL = 'https://api.petrasecurity.com';

/** Budgets belong to (origin, credential, route): sources of one key share them by these names. */
export const ROUTES = {
  tenants: 'tenants',
  incidents: 'incidents',
  failedAttacks: 'failed-attacks',
} as const;

const MINUTE = 60_000;

/** `GET /v1/tenants`: 10 a minute, as of every route that the documents give no stricter limit. */
export const TENANTS_QUOTA: Quota = { route: ROUTES.tenants, requests: 10, per: MINUTE };

/** The key as the documents ask for it: `Authorization: Bearer YOUR_API_KEY`. */
export function authorise({
  token,
}: {
  readonly token?: Secret | undefined;
}): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token?.reveal() ?? ''}` };
}

/** The URL of a route for messages. */
export function urlOf({ base_url }: Pick<CommonOptions, 'base_url'>, path: string): string {
  return `${base_url}${path}`;
}
