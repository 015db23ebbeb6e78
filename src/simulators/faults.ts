import type { Random } from '../core/clock.ts';
import type { Answerer, SimulatedAnswer, SimulatedRequest } from './server.ts';

/** How often a server fails and in which way: probabilities, of which no more than one fault befalls a request. */
export interface FaultPlan {
  /** 429 with `Retry-After`, in seconds `retryAfter`. */
  readonly throttle?: number;
  /** 429 without `Retry-After`. */
  readonly throttleMute?: number;
  /** 503 with an HTML page, as a proxy in front of a server that restarts. */
  readonly unavailable?: number;
  readonly reset?: number;
  readonly truncate?: number;
  /** The right answer, `delay` late. */
  readonly slow?: number;
  /** Seconds. Default 1. */
  readonly retryAfter?: number;
  /** Milliseconds. Default 1000. */
  readonly delay?: number;
}

/** A page where JSON was asked for: proxies, deployments, login forms. */
export const HTML_UNAVAILABLE: SimulatedAnswer = {
  status: 503,
  headers: { 'content-type': 'text/html' },
  body: '<!DOCTYPE html><html><head><title>503</title></head><body><h1>Service Unavailable</h1></body></html>',
};

/** Makes a server fail now and then, the same way for the same `random`. */
export function unreliable(answer: Answerer, plan: FaultPlan, random: Random): Answerer {
  const faults: readonly (readonly [number | undefined, Answerer])[] = [
    [plan.throttle, () => throttled(plan.retryAfter ?? 1)],
    [plan.throttleMute, () => throttled()],
    [plan.unavailable, () => HTML_UNAVAILABLE],
    [plan.reset, () => ({ status: 0, fault: 'reset' })],
    [plan.truncate, async (request) => ({ ...(await answer(request)), fault: 'truncate' })],
    [plan.slow, async (request) => ({ ...(await answer(request)), delay: plan.delay ?? 1000 })],
  ];
  return (request: SimulatedRequest) => {
    let drawn = random();
    for (const [probability = 0, fault] of faults) {
      if (drawn < probability) return fault(request);
      drawn -= probability;
    }
    return answer(request);
  };
}

/** 429; without seconds, without `Retry-After`. */
export function throttled(seconds?: number): SimulatedAnswer {
  return {
    status: 429,
    ...(seconds !== undefined && { headers: { 'retry-after': String(seconds) } }),
    body: { message: 'Too many requests' },
  };
}
