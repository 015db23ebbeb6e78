import type { Clock } from '../core/clock.ts';
import type { DestinationConfig } from '../config/types.ts';
import type { Finding } from '../core/source.ts';
import { UNREAD_ANSWER } from './advice.ts';
import { type Answer, understand } from './classify-response.ts';
import type { Sender } from '../otlp/sender.ts';
import { testParcel } from './test-event.ts';

interface DestinationProbe {
  readonly destination: DestinationConfig;
  readonly sender: Pick<Sender, 'send'>;
  readonly clock: Clock;
  /** Also sends one record, clearly marked as a test. */
  readonly sendTest: boolean;
}

/** All that `penstock check` finds out about a destination, by one empty request and, if asked for, one test record. */
export async function probeDestination({
  destination,
  sender,
  clock,
  sendTest,
}: DestinationProbe): Promise<readonly Finding[]> {
  const empty = understand(await sender.send([]), clock.now());
  const findings = emptyFindings(destination, empty);
  if (!sendTest || findings.some(({ verdict }) => verdict === 'fail')) return findings;
  const { uid, parcel } = testParcel(destination, clock.now());
  const answer = understand(await sender.send([parcel]), clock.now(), 1);
  const known = findings.some(({ probe }) => probe === 'answer');
  return [...findings, ...(known ? [] : unread(answer)), testFinding(uid, answer)];
}

function emptyFindings({ url, protocol, compression }: DestinationConfig, answer: Answer): Finding[] {
  if (answer.status === undefined) return [failed('connection', answer)];
  const connection = ok('connection', `${url} answers ${answer.status}`);
  if (answer.kind === 'acknowledge' || answer.status === 422) {
    const encoding = `${protocol}, compression ${compression}, is taken`;
    return [connection, ok('credentials', 'accepted'), ok('encoding', encoding), ...unread(answer)];
  }
  return [connection, failed(PROBES[answer.status] ?? 'answer', answer)];
}

/** Nothing when the answer could be read. */
function unread(answer: Answer): Finding[] {
  if (answer.kind !== 'acknowledge' || answer.unread === undefined) return [];
  const detail = `It answers ${answer.status} with a body that cannot be read: ${answer.unread}`;
  return [{ probe: 'answer', verdict: 'warn', detail, advice: UNREAD_ANSWER }];
}

/** What a status is about; any other is about the answer itself. */
const PROBES: Readonly<Record<number, string>> = {
  400: 'encoding',
  401: 'credentials',
  403: 'credentials',
  404: 'endpoint',
  405: 'endpoint',
  413: 'encoding',
  415: 'encoding',
};

function testFinding(uid: string, answer: Answer): Finding {
  const probe = 'test event';
  if (answer.kind === 'acknowledge' && answer.rejected === 0) {
    return ok(probe, `taken; find it by log.record.uid ${uid}`);
  }
  return failed(probe, answer);
}

function ok(probe: string, detail: string): Finding {
  return { probe, verdict: 'ok', detail, advice: '' };
}

function failed(probe: string, answer: Answer): Finding {
  const { status, words } = answer;
  const said = words === '' ? 'nothing more' : words;
  const detail = status === undefined ? `No answer: ${said}` : `It answers ${status}: ${said}`;
  return { probe, verdict: 'fail', detail, advice: adviceOf(answer) };
}

function adviceOf(answer: Answer): string {
  if (answer.kind === 'pause') return answer.whatToDo;
  if (answer.kind !== 'wait') {
    return 'Check `protocol` (some receivers take only one), `profile`, and the receiver’s own limits.';
  }
  return answer.status === undefined
    ? 'Check `endpoint`, `tls` and the proxy variables from this very host, and that the receiver is up.'
    : 'It may pass by itself: look at the receiver, then run penstock check again.';
}
