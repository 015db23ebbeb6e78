import dns from 'node:dns';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createSecureServer, Server as SecureServer } from 'node:tls';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Receiver, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { loginAttempt } from '../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { type Lab, openLab } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { atRest } from '../support/network.ts';
import { arrivedTuple, distinct, multiset, tupleOf } from '../support/truth.ts';

const TOKEN = 'token-of-names-and-certificates';
const MINUTE = 60_000;

type Side = 'vendor' | 'siem';
const SIDES: readonly Side[] = ['vendor', 'siem'];

const random = seeded(53);
let clock: DrivenClock;
let console: SimulatedConsole;
let receiver: Receiver;
let opened: AsyncDisposableStack;
let lab: Lab;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  clock = new DrivenClock();
  console = opened.use(await startConsole({ clock, token: TOKEN }));
  receiver = opened.use(await startReceiver({ clock }));
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  await opened.disposeAsync();
  vi.restoreAllMocks();
});

/** What the program connects to; it passes the bytes on to the simulator of a side. */
interface Front {
  readonly port: number;
  /** Ends all connections. */
  cut(): void;
  close(): void;
}

/** `server` listens on a free port, or on this one of another address. */
async function openFront(
  side: Side,
  server: Server,
  at: { host?: string; port?: number } = {},
): Promise<Front> {
  const { port: behind } = new URL((side === 'vendor' ? console : receiver).url);
  const sockets = new Set<Socket>();
  const pass = (socket: Socket) => {
    const pair = [socket, connect(Number(behind), '127.0.0.1')];
    for (const one of pair) {
      sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => pair.forEach((each) => each.destroy()));
    }
    pair[0]?.pipe(pair[1] as Socket).pipe(socket);
  };
  server.on('tlsClientError', () => undefined);
  server.on(server instanceof SecureServer ? 'secureConnection' : 'connection', pass);
  server.listen(at.port ?? 0, at.host ?? '127.0.0.1');
  await once(server, 'listening');
  const cut = () => sockets.forEach((socket) => socket.destroy());
  const close = () => {
    cut();
    server.close();
  };
  opened.defer(close);
  return { port: (server.address() as AddressInfo).port, cut, close };
}

/** A daemon that polls every five minutes. */
async function start(vendor: string, siem: string, tls = {}): Promise<void> {
  const source = { type: 'qradar-login-attempts', base_url: vendor, token: TOKEN, schedule: 'every 5m', tls };
  const destinations = { siem: { endpoint: siem, tls } };
  lab = await openLab({ clock, config: { destinations, sources: { console: source } } });
  await lab.open();
  lab.start();
}

/** Lets time pass. Files of certificates are read before a request is made: `atRest` does not see that. */
function pass(ms: number): Promise<void> {
  return clock.advance(ms, async () => {
    await sleep(10);
    await atRest();
  });
}

/** Somebody logs in each minute. */
async function passMinutes(minutes: number): Promise<void> {
  for (let minute = 0; minute < minutes; minute += 1) {
    console.add([loginAttempt(random, clock.now(), console.users)]);
    await pass(MINUTE);
  }
}

/** Each row arrived under one id; what was sent again is the same to the byte. */
async function expectEachRowOnce(): Promise<void> {
  await pass(15 * MINUTE);
  const arrived = distinct(receiver.ids()).map(arrivedTuple);
  expect(multiset(arrived)).toEqual(multiset((console.rows as LoginAttempt[]).map(tupleOf)));
}

/** Looks names of `.test` up here; one without an address fails with this error. */
function resolveNames(addresses: Readonly<Record<string, string>>, error: () => string): void {
  const real = dns.lookup;
  const lookup = (host: string, options: dns.LookupAllOptions, done: (...answer: unknown[]) => void) => {
    if (!host.endsWith('.test')) return real(host, options, done);
    const address = addresses[host];
    const code = error();
    const failed = Object.assign(new Error(`getaddrinfo ${code} ${host}`), { code, hostname: host });
    if (address === undefined) return done(failed);
    return options.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4);
  };
  vi.spyOn(dns, 'lookup').mockImplementation(lookup as unknown as typeof dns.lookup);
}

it.each(SIDES)(
  'when the name of the %s cannot be looked up and then has another address, each record arrives once',
  async (side) => {
    const addresses: Record<string, string> = { 'vendor.test': '127.0.0.1', 'siem.test': '127.0.0.1' };
    const errors = ['ENOTFOUND', 'EAI_AGAIN'];
    let asked = 0;
    resolveNames(addresses, () => errors[(asked += 1) % errors.length] as string);
    const fronts = {
      vendor: await openFront('vendor', createServer()),
      siem: await openFront('siem', createServer()),
    };
    const urlOf = (one: Side) => `http://${one}.test:${fronts[one].port}`;
    await start(urlOf('vendor'), urlOf('siem'));
    await passMinutes(10);

    delete addresses[`${side}.test`];
    fronts[side].close();
    const before = receiver.received().length;
    await passMinutes(30);
    const arrivedMeanwhile = receiver.received().length - before;
    addresses[`${side}.test`] = '127.0.0.2';
    await openFront(side, createServer(), { host: '127.0.0.2', port: fronts[side].port });

    expect(arrivedMeanwhile).toBe(0);
    expect(asked).toBeGreaterThan(10);
    await expectEachRowOnce();
  },
);

function certificate(name: string) {
  const file = (extension: string) =>
    new URL(`../http/fixtures/${name}.${extension}`, import.meta.url).pathname;
  return { cert: readFileSync(file('pem')), key: readFileSync(file('key')) };
}

it.each(SIDES)(
  'when the certificate of the %s expires and is renewed, each record arrives once',
  async (side) => {
    const servers = {
      vendor: createSecureServer(certificate('localhost')),
      siem: createSecureServer(certificate('localhost')),
    };
    const fronts = {
      vendor: await openFront('vendor', servers.vendor),
      siem: await openFront('siem', servers.siem),
    };
    const urlOf = (one: Side) => `https://127.0.0.1:${fronts[one].port}`;
    await start(urlOf('vendor'), urlOf('siem'), {
      ca_file: new URL('../http/fixtures/ca.pem', import.meta.url).pathname,
    });
    await passMinutes(10);

    servers[side].setSecureContext(certificate('expired'));
    fronts[side].cut();
    const before = receiver.received().length;
    await passMinutes(30);
    const arrivedMeanwhile = receiver.received().length - before;
    servers[side].setSecureContext(certificate('localhost'));

    expect(arrivedMeanwhile).toBe(0);
    expect(lab.log.filter((line) => line.includes('certificate')).length).toBeGreaterThan(0);
    await expectEachRowOnce();
  },
);
