import { prettyFactory } from 'pino-pretty';
import { parseJson, toJson } from '../core/json.ts';
import { printableValue } from '../core/text.ts';
import { inSentence, type Line } from './sentences.ts';

/** Fields that are useless on the process's own terminal. */
const IGNORED = [
  'process.pid',
  'host.hostname',
  'ecs.version',
  'service.name',
  'service.node.name',
  'event.dataset',
];

/** Turns a line of the log in ECS JSON into lines for people. `colorize`: with the escape codes of a terminal. */
export function prettyLines(colorize: boolean): (line: string) => string {
  const format = prettyFactory({
    colorize,
    ignore: IGNORED.map((field) => field.replace('.', '\\.')).join(','),
    levelKey: 'log\\.level',
    messageKey: 'message',
    timestampKey: '@timestamp',
    translateTime: 'SYS:HH:MM:ss',
  });
  return (line) => format(toJson(printableValue(inSentence(parseJson(line) as Line))));
}
