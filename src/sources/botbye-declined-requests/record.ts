import { z } from 'zod';
import { INTERVAL_TYPES } from './bucket.ts';

const text = z.string().nullish();

/** What a row needs: a series and its count so far. */
export const counted = z.looseObject({ id: z.string().min(1), declinedReqCount: z.int().nonnegative() });

export type Counted = z.output<typeof counted>;

/** Whether a row can be counted. */
export function isCounted(row: unknown): row is Counted {
  return counted.safeParse(row).success;
}

/** One row of a summary, of whichever type (api-docs.botbye.com, "Get Declined Requests Summary"). */
const row = counted.extend({
  projectId: text,
  remoteAddr: text,
  country: text,
  requestUri: text,
  failedMessage: text,
  ruleId: text,
  ruleName: text,
});

/** A row with what it does not say itself: where and when it was counted. */
export const record = z.object({
  account: z.string(),
  project: z.string(),
  /** The `type` that was asked for. */
  dimension: z.string(),
  interval_type: z.enum(INTERVAL_TYPES),
  /** The time zone in which the bucket begins. */
  zone: z.string().default('UTC'),
  /** The bucket, epoch ms. */
  from: z.number(),
  to: z.number(),
  /** Of a closed bucket: when it was read last, epoch ms. What was declined after that is unseen. */
  read: z.number().optional(),
  row,
});

export type DeclinedRequests = z.output<typeof record>;
