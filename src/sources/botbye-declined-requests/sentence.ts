import { bucketInWords, changeInWords } from '../../ecs/time.ts';
import type { DeclinedRequests } from './record.ts';

interface Change {
  /** Epoch ms. */
  readonly observedAt: number;
  readonly delta: number;
  readonly final: boolean;
}

/** The message of a count: `BotBye: 36 declined from DEU today (+1), project shop`. */
export function sentence(record: DeclinedRequests, { observedAt, delta, final }: Change): string {
  const { row, project, interval_type: unit, from, zone } = record;
  const when = final ? `, ${bucketInWords({ from, unit, zone, now: observedAt })}` : ` ${NOW[unit]}`;
  const change = changeInWords(delta, final);
  return `BotBye: ${row.declinedReqCount} declined ${subject(record)}${when} ${change}, project ${project}`;
}

const NOW: Readonly<Record<DeclinedRequests['interval_type'], string>> = {
  HOUR: 'this hour',
  DAY: 'today',
  MONTH: 'this month',
};

/** What was declined. BotBye leaves a name empty that it does not know, such as an address without a country. */
function subject({ row, project, dimension }: DeclinedRequests): string {
  const name = row.id.replace(`${row.projectId ?? project}_`, '');
  switch (dimension) {
    case 'attack_source':
      return `from ${row.remoteAddr || 'an unknown address'}${row.country ? ` (${row.country})` : ''}`;
    case 'country':
      return `from ${(row.country ?? name) || 'an unknown country'}`;
    case 'endpoint':
      return `at ${pathOf(row.requestUri ?? name) || 'an unknown endpoint'}`;
    case 'reason':
      return `for ${quoted(row.failedMessage ?? name) || 'an unknown reason'}`;
    case 'rule':
      return `by ${quoted(row.ruleName || row.ruleId || name) || 'an unknown rule'}`;
    default:
      return name === '' ? `of ${dimension}` : `of ${dimension} ${name}`;
  }
}

/** Without the query, which is long and may hold secrets. */
function pathOf(uri: string): string {
  return uri.split('?', 1)[0] ?? '';
}

function quoted(text: string): string {
  return text === '' ? '' : `"${text}"`;
}
