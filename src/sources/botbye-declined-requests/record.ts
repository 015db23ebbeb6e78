import { z } from 'zod';
import { INTERVAL_TYPES } from './bucket.ts';

const text = z.string().nullish();

/**
 * One row of a summary, of whichever type: a series and its count so far (api-docs.botbye.com, "Get Declined Requests
 * Summary"). A row without its id or a usable count is none.
 */
export const row = z.looseObject({
  id: z.string().min(1),
  projectId: text,
  declinedReqCount: z.int().nonnegative(),
  remoteAddr: text,
  country: text,
  requestUri: text,
  failedMessage: text,
  ruleId: text,
  ruleName: text,
});

export type Row = z.output<typeof row>;

/** A row with what it does not say itself: where and when it was counted. */
const framed = z.object({
  account: z.string(),
  project: z.string(),
  /** The `type` that was asked for. */
  dimension: z.string(),
  interval_type: z.enum(INTERVAL_TYPES),
  /** The bucket, epoch ms. */
  from: z.number(),
  to: z.number(),
  /** Of a closed bucket: when it was read last, epoch ms. What was declined after that is unseen. */
  read: z.number().optional(),
  row,
});

export type DeclinedRequests = z.output<typeof framed>;

/** A row in its frame. One that does not fit is handed over as it came, so it is told what is wrong with the row itself. */
export const record = z.unknown().transform((value, context): DeclinedRequests => {
  const { data, error } = framed.safeParse(value);
  if (data !== undefined) return data;
  const { issues } = row.safeParse(value).error ?? error;
  for (const { path, message } of issues) context.addIssue({ code: 'custom', path, message });
  return z.NEVER;
});
