import { toJson } from '../core/json.ts';
import { Unreadable } from '../core/unreadable.ts';
import { compact, type EcsEvent } from '../core/event.ts';

/**
 * The event of a record that does not fit its schema: nothing that a vendor showed is dropped. Dataset,
 * category, type and the observed time are added with the common fields.
 */
export function malformedEvent(record: unknown, problem: string): EcsEvent {
  return compact({
    'event.kind': 'pipeline_error',
    'event.original': record instanceof Unreadable ? record.text : toJson(record),
    'error.message': problem,
    message: `A record did not fit its schema: ${problem}`,
  });
}

/** What an event says besides, when values of its record did not fit: the whole record, and which fields they are. */
export function oddFields(record: unknown, leftOut: string): EcsEvent {
  return { 'event.original': toJson(record), 'error.message': `Left out, since it does not fit: ${leftOut}` };
}
