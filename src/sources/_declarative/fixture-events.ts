import { Document, isMap, isSeq, parseDocument, type Scalar } from 'yaml';
import type { EcsEvent, JournaledEvent } from '../../core/event.ts';

/** Set by the pipeline in every event. */
const COMMON = new Set(['ecs.version', 'agent.type', 'agent.version', 'event.created', 'event.module']);

/** The event as a fixture shows it: without what the pipeline adds to every event of this dataset. */
export function shownEvent({ uid, event }: JournaledEvent, dataset: string): EcsEvent {
  const kept = Object.entries(event).filter(([name, value]) => {
    if (COMMON.has(name) || name.startsWith('observer.')) return false;
    if (name === 'event.dataset') return value !== dataset;
    return name !== 'event.id' || value !== uid;
  });
  return Object.fromEntries(kept);
}

/** The text of a fixture with these events; all else stays as it is. */
export function withEvents(text: string, events: readonly EcsEvent[]): string {
  const { contents } = parseDocument(text);
  const pair = isMap(contents)
    ? contents.items.find(({ key }) => (key as Scalar | null)?.value === 'events')
    : undefined;
  const [start = text.length] = (pair?.key as Scalar | undefined)?.range ?? [];
  const keyEnd = (pair?.key as Scalar | undefined)?.range?.[1] ?? text.length;
  const valueEnd = (pair?.value as Scalar | null | undefined)?.range?.[2];
  const end = Math.max(valueEnd ?? 0, lineEnd(text, keyEnd));
  const before = text.slice(0, start);
  return `${before}${before === '' || before.endsWith('\n') ? '' : '\n'}${written(events)}${text.slice(end)}`;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end + 1;
}

function written(events: readonly EcsEvent[]): string {
  const document = new Document({ events });
  const list = document.get('events');
  if (isSeq(list))
    for (const event of list.items)
      if (isMap(event)) for (const { value } of event.items) if (isSeq(value)) value.flow = true;
  return document.toString({ lineWidth: 0 });
}
