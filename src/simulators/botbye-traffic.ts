import type { Random } from '../core/clock.ts';
import { pick } from './seeded.ts';

/** One request that BotBye declined, with what the summaries group by. */
export interface Decline {
  readonly remoteAddr: string;
  /** ISO 3166-1 alpha-3; also codes that are none. */
  readonly country: string;
  readonly requestUri: string;
  readonly failedMessage: string;
  readonly rule: { readonly ruleId: string; readonly ruleName: string };
}

export const SUMMARY_TYPES = [
  'attack_source',
  'country',
  'endpoint',
  'total_endpoint',
  'reason',
  'rule',
] as const;
export type SummaryType = (typeof SUMMARY_TYPES)[number];

/** What a row names, without its count. */
export interface SeriesRow {
  readonly id: string;
  readonly projectId: string;
  readonly customerId: null;
  readonly [field: string]: string | number | null;
}

/** One row of a summary, as the vendor's document shows it. */
export interface SummaryRow extends SeriesRow {
  readonly declinedReqCount: number;
}

type Fields = Readonly<Record<string, string>>;

/** What names a series of each type, and its fields. `total_endpoint` has no documented shape: one row for the project. */
const SERIES: Readonly<Record<SummaryType, (decline: Decline) => readonly [string, Fields]>> = {
  attack_source: ({ remoteAddr, country }) => [`${remoteAddr}_${country}`, { remoteAddr, country }],
  country: ({ country }) => [country, { country }],
  endpoint: ({ requestUri }) => [requestUri, { requestUri }],
  total_endpoint: () => ['total', {}],
  reason: ({ failedMessage }) => [failedMessage, { failedMessage }],
  rule: ({ rule }) => [rule.ruleId, rule],
};

/** The series that a declined request is counted in. */
export function summarise(type: SummaryType, projectId: string, decline: Decline): SeriesRow {
  const [name, fields] = SERIES[type](decline);
  return { id: `${projectId}_${name}`, projectId, customerId: null, ...fields };
}

const COUNTRIES = ['USA', 'DEU', 'VNM', 'BRA', 'GBR', 'XKX', 'ROU', ''] as const;
const URIS = ['/api/v1/login', '/api/v1/login?next=%2Faccount', '/checkout', '/api/v1/search?q=a'] as const;
const MESSAGES = ['Rate limit exceeded', 'Bot detected', 'Token is invalid'] as const;
const RULES = [
  { ruleId: 'rule-123', ruleName: 'Block suspicious user agents' },
  { ruleId: 'rule-124', ruleName: 'Block data centres' },
] as const;
/** The ranges that are kept for documentation (RFC 5737, RFC 3849). */
const NETWORKS = ['192.0.2.', '198.51.100.', '203.0.113.', '2001:db8::'] as const;

/** A few attackers make most of the traffic, and new ones keep coming. An address stays in its country. */
export function drawDecline(random: Random): Decline {
  const attacker = Math.floor(random() ** 3 * 1000);
  const network = attacker % NETWORKS.length;
  return {
    remoteAddr: `${NETWORKS[network]}${1 + Math.floor(attacker / NETWORKS.length)}`,
    country: COUNTRIES[attacker % COUNTRIES.length] ?? '',
    requestUri: pick(random, URIS),
    failedMessage: pick(random, MESSAGES),
    rule: pick(random, RULES),
  };
}
