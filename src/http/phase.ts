import { showDuration } from '../core/show-duration.ts';
import { proxyName, serverOf, type Way } from './way.ts';

/** How far an exchange has come. `tls`: the handshake. `waiting`: for the beginning of the answer. */
export type Phase = 'connecting' | 'tls' | 'waiting' | 'reading';

/**
 * What is said of an exchange that did not end in its time: in which phase, and what to do.
 * @param timeout milliseconds
 */
export function timedOutWords(phase: Phase, timeout: number, way: Way): string {
  return `timed out after ${shown(timeout)} ${WORDS[phase](way)}`;
}

const WORDS: Readonly<Record<Phase, (way: Way) => string>> = {
  connecting: (way) =>
    `while connecting to ${serverOf(way)}${through(way)}. Check the network and its firewalls, host and port in ${way.address}${way.proxy === undefined ? ', and whether a proxy must be set' : ''}`,
  tls: (way) =>
    `during the TLS handshake with ${serverOf(way)}. Check that this port speaks TLS, and what is on the way`,
  waiting: (way) =>
    `while waiting for the answer of ${serverOf(way)}; the request was sent. Raise \`timeout\` if the server needs longer`,
  reading: (way) =>
    `while reading the answer of ${serverOf(way)}, which had begun. Raise \`timeout\` if the answer is large or the network is slow`,
};

function through({ proxy }: Way): string {
  return proxy === undefined ? '' : ` through the proxy ${proxyName(proxy)}`;
}

function shown(timeout: number): string {
  return timeout < 1_000 ? `${timeout} ms` : showDuration(timeout).replaceAll(/(\d)([a-z])/g, '$1 $2');
}
