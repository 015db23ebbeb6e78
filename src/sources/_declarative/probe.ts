import type { CommonOptions, Finding, SourceContext } from '../../core/source.ts';
import { Answer, shapeOf } from './answer.ts';
import type { Definition } from './definition.ts';
import { Evidence } from './evidence.ts';
import { Pager } from './pager.ts';
import { Reading } from './records.ts';
import { optionValues } from './terms.ts';
import { floorTo } from './time.ts';

/** What is asked for to see whether records come. Milliseconds. */
const LOOKED_AT = 3_600_000;

/** Asks for one page, and says how many of its records can be read. */
export async function* probe(
  definition: Definition,
  context: SourceContext<CommonOptions>,
): AsyncGenerator<Finding, number> {
  for (const name of definition.unscoped) yield unscoped(name);
  const { cursor } = definition;
  const now = context.now();
  const units = cursor.kind === 'window' ? cursor.units : { from: 1, to: 1 };
  const pager = new Pager({
    request: definition.request,
    paging: definition.paging,
    variables: {
      options: optionValues(definition.optionTypes, context.options),
      from: new Date(floorTo(now - LOOKED_AT, units.from)),
      to: new Date(floorTo(now, units.to)),
    },
    shape: shapeOf(definition.records),
  });
  const request = pager.first();
  const answer = new Answer(await context.http.request(request), definition.records);
  const evidence = Evidence.of(definition);
  evidence.note(answer);
  const reading = new Reading(definition.rules);
  let malformed = 0;
  for (const record of answer.rows)
    malformed += Number(reading.observe(record).some((one) => one.record.problem !== undefined));
  yield found(answer.rows.length, malformed);
  const missing = pager.next(answer) === undefined ? evidence.doubt(request, answer) : undefined;
  if (missing !== undefined) yield unpaged(answer.rows.length, missing);
  return 1;
}

function found(records: number, malformed: number): Finding {
  const probe = 'records';
  if (malformed > 0)
    return {
      probe,
      verdict: 'warn',
      detail: `${malformed} of ${records} records have no key or no time where the definition says`,
      advice: 'Run penstock preview, and correct `key` or the cursor’s `time` in source.yaml.',
    };
  return {
    probe,
    verdict: 'ok',
    detail: records === 1 ? '1 record in a page' : `${records} records in a page`,
    advice: '',
  };
}

function unpaged(records: number, missing: string): Finding {
  return {
    probe: 'paging',
    verdict: 'warn',
    detail: `A page of ${records} records, as full as the request allows, has no ${missing}: what follows would be missed.`,
    advice: 'If it stands elsewhere in the answer, correct its path in source.yaml.',
  };
}

function unscoped(name: string): Finding {
  return {
    probe: 'scope',
    verdict: 'warn',
    detail: `The option ${name} is sent, but is not in \`scope\`: two sources that differ only in it would be one stream.`,
    advice: 'If it names what is read, list it in `scope` of source.yaml before the first poll.',
  };
}
