import type { Clock } from '../core/clock.ts';
import type { DestinationConfig } from '../config/types.ts';
import type { Finding } from '../core/source.ts';
import { type ClassifiedResponse, classifyResponse, UNREAD_ADVICE } from './classify-response.ts';
import { withCommonFields } from '../ecs/common.ts';
import { PENSTOCK } from '../ecs/own-events.ts';
import { digest } from '../ecs/uid.ts';
import { PENSTOCK_FIELDS } from '../core/event.ts';
import { eachRecord } from '../otlp/decode.ts';
import { RecordEncoder } from '../otlp/encode.ts';
import type { RequestMaker } from '../otlp/request.ts';
import type { Sender } from '../otlp/sender.ts';

interface DestinationProbe {
  readonly destination: DestinationConfig;
  readonly requests: RequestMaker;
  readonly sender: Pick<Sender, 'send'>;
  readonly clock: Clock;
  /** Also sends one record that says that it is a test. */
  readonly sendTest: boolean;
}

/** What `penstock check` finds out about a destination, by an empty request and, if asked for, one test event. */
export async function probeDestination({
  destination,
  requests,
  sender,
  clock,
  sendTest,
}: DestinationProbe): Promise<readonly Finding[]> {
  const empty = classifyResponse(await sender.send(requests.request([])), clock.now());
  const findings = emptyFindings(destination, empty);
  if (!sendTest || findings.some(({ verdict }) => verdict === 'fail')) return findings;
  const { uid, request } = testEvent(destination, requests, clock.now());
  const response = classifyResponse(await sender.send(request), clock.now(), 1);
  const known = findings.some(({ probe }) => probe === 'answer');
  return [...findings, ...(known ? [] : unread(response)), testFinding(uid, response)];
}

function emptyFindings(
  { url, protocol, compression }: DestinationConfig,
  response: ClassifiedResponse,
): Finding[] {
  if (response.status === undefined) return [failed('connection', response)];
  const connection = ok('connection', `${url} answers ${response.status}`);
  if (response.kind === 'accepted' || response.status === 422) {
    const encoding = `${protocol}, compression ${compression}, is accepted`;
    return [connection, ok('credentials', 'accepted'), ok('encoding', encoding), ...unread(response)];
  }
  return [connection, failed(PROBES[response.status] ?? 'answer', response)];
}

/** Nothing when the response can be read. */
function unread(response: ClassifiedResponse): Finding[] {
  if (response.kind !== 'accepted' || response.unread === undefined) return [];
  const detail = `It answers ${response.status} with a body that cannot be read: ${response.unread}`;
  return [{ probe: 'answer', verdict: 'warn', detail, advice: UNREAD_ADVICE }];
}

/** Which probe a status fails; any other fails `answer`. */
const PROBES: Readonly<Record<number, string>> = {
  400: 'encoding',
  401: 'credentials',
  403: 'credentials',
  404: 'endpoint',
  405: 'endpoint',
  413: 'encoding',
  415: 'encoding',
};

function testFinding(uid: string, response: ClassifiedResponse): Finding {
  const probe = 'test event';
  if (response.kind === 'accepted' && response.rejected === 0) {
    return ok(probe, `accepted; find it by log.record.uid ${uid}`);
  }
  return failed(probe, response);
}

function ok(probe: string, detail: string): Finding {
  return { probe, verdict: 'ok', detail, advice: '' };
}

function failed(probe: string, response: ClassifiedResponse): Finding {
  const { status, words } = response;
  const said = words === '' ? 'nothing more' : words;
  const detail = status === undefined ? `No answer: ${said}` : `It answers ${status}: ${said}`;
  return { probe, verdict: 'fail', detail, advice: adviceOf(response) };
}

function adviceOf(response: ClassifiedResponse): string {
  if (response.kind === 'paused') return response.advice;
  if (response.kind !== 'retry') {
    return 'Check `protocol` (some receivers accept only one), `profile`, and the receiver’s own limits.';
  }
  return response.status === undefined
    ? 'Check `endpoint`, `tls` and the proxy variables on this host, and that the receiver is running.'
    : 'Usually temporary: check the receiver, then run penstock check again.';
}

/** `event.dataset` of test events. */
const TEST_DATASET = 'penstock.test';

/** A request with an event that says that it is a test. `now`: epoch ms. */
function testEvent(
  { name, namespace = 'default' }: DestinationConfig,
  requests: RequestMaker,
  now: number,
): { uid: string; request: Uint8Array } {
  const uid = digest('test', name, now);
  const origin = { ...PENSTOCK, dataset: TEST_DATASET };
  const event = withCommonFields(
    {
      'event.action': 'test-event-sent',
      tags: ['test'],
      message: `Test event of \`penstock check --send-test\` for destination ${name}: it has no meaning and can be deleted.`,
    },
    origin,
    { uid, observedAt: now },
  );
  const [page] = new RecordEncoder(PENSTOCK_FIELDS).encode([{ uid, event }], now);
  const feed = requests.feed({ dataset: TEST_DATASET, lane: 'live' });
  const records = [...eachRecord(page?.bytes ?? new Uint8Array())].map((stored) => ({
    feed,
    bytes: requests.record(stored, () => ({ dataset: TEST_DATASET, namespace })),
  }));
  return { uid, request: requests.request(records) };
}
