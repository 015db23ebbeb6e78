import { defineSource } from '../../source.ts';
import { readPast } from '../_qradar/backfill.ts';
import { Cursor } from '../_qradar/cursor.ts';
import { loginAttemptEvent } from '../_qradar/ecs.ts';
import { loginAttemptFields } from '../_qradar/fields.ts';
import { authorise, ConsoleOptions } from '../_qradar/options.ts';
import { poll } from '../_qradar/poll.ts';
import { probe } from '../_qradar/probe.ts';
import { LoginAttempt } from '../_qradar/record.ts';
import { rewind } from '../_qradar/rewind.ts';
import { noDocumentedLimits, wholeConsole } from '../_qradar/scope.ts';

/** Logins to an IBM QRadar console: `GET /api/access/login_attempts` (api/qradar-login-attempts.txt). */
export default defineSource({
  id: 'qradar-login-attempts',
  title: 'IBM QRadar: login attempts to the console',
  vendor: 'IBM',
  product: 'QRadar',
  dataset: 'qradar.login_attempts',
  categorisation: { kind: 'event', category: ['authentication'], type: ['start'] },
  fields: loginAttemptFields('qradar'),
  stream: 'append-only',
  askAgain: true,
  options: ConsoleOptions,
  cursor: Cursor,
  record: LoginAttempt,
  quotas: noDocumentedLimits,
  authorise,
  streams: wholeConsole,
  poll,
  backfill: { streams: wholeConsole, read: readPast },
  probe,
  rewind,
  normalise: (attempt) => loginAttemptEvent('qradar', attempt),
});
