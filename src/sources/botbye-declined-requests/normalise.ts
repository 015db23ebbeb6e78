import { addressOf } from '../../ecs/common.ts';
import { compact, type EcsEvent } from '../../core/event.ts';
import { isoTime } from '../../ecs/time.ts';
import type { MappingContext } from '../../core/source.ts';
import { alpha2Of } from './country.ts';
import { sentence } from './sentence.ts';
import type { DeclinedRequests } from './record.ts';

/** A counter's telling: `@timestamp` is when it was read, `event.start` and `event.end` are its bucket. */
export function normalise(record: DeclinedRequests, { observedAt, reason, delta }: MappingContext): EcsEvent {
  const { row, dimension } = record;
  const final = reason === 'final';
  return {
    ...compact({
      '@timestamp': isoTime(observedAt),
      'event.start': isoTime(record.from),
      'event.end': isoTime(record.to),
      'event.reason': row.failedMessage,
      ...addressOf('source', row.remoteAddr ?? undefined),
      'source.geo.country_iso_code': alpha2Of(row.country ?? ''),
      ...urlOf(row.requestUri ?? ''),
      'rule.id': row.ruleId,
      'rule.name': row.ruleName,
      'botbye.account.id': record.account,
      'botbye.project.id': record.project,
      'botbye.declined_requests.dimension': dimension,
      'botbye.declined_requests.id': row.id,
      'botbye.declined_requests.count': row.declinedReqCount,
      'botbye.declined_requests.delta': delta,
      'botbye.declined_requests.final': final,
      'botbye.declined_requests.interval.type': record.interval_type,
      'botbye.declined_requests.interval.count': 1,
      'botbye.declined_requests.read_until': record.read === undefined ? undefined : isoTime(record.read),
      message: sentence(record, { observedAt, delta, final }),
    }),
    // As the vendor wrote it, whatever it is: an empty code is what it says of an unknown country.
    ...(typeof row.country === 'string' && { 'botbye.declined_requests.country': row.country }),
  };
}

/** Split at the first `?`, with nothing decoded or tidied: both parts together are what the vendor wrote. */
function urlOf(uri: string): EcsEvent {
  const [path = '', ...query] = uri.split('?');
  return { 'url.path': path, 'url.query': query.join('?') };
}
