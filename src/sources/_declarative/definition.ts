import type { Categorisation, CommonOptions, StreamContext } from '../../core/source.ts';
import type { FieldTable } from '../../core/event.ts';
import type { AnswerValue, RecordsAt } from './answer.ts';
import type { AuthForms } from './auth.ts';
import type { Fingerprint } from './cursors.ts';
import type { Mapping } from './mapping.ts';
import type { Paging } from './pager.ts';
import type { Steps } from './path.ts';
import type { RecordRules } from './records.ts';
import type { RequestTemplate } from './request.ts';
import type { RawOption } from './schema.ts';
import type { OptionTypes } from './terms.ts';
import type { TimeFormat } from './time.ts';

/** A window of time. Milliseconds. */
export interface WindowPlan {
  readonly kind: 'window';
  readonly order: 'ascending' | 'descending' | 'none';
  /** What the request can name: both ends, or only `from`. */
  readonly filter: 'both' | 'from';
  /** The vendor's lower bound means "later than". */
  readonly exclusive: boolean;
  readonly retention: number | undefined;
  /** The steps in which the request prints `from` and `to`. */
  readonly units: { readonly from: number; readonly to: number };
  /** Defaults of the options. */
  readonly defaults: Readonly<Record<'settle' | 'overlap' | 'initial_lookback' | 'slice', number>>;
}

/** The vendor keeps the place. */
export interface PositionPlan {
  readonly kind: 'position';
  readonly from: AnswerValue;
  readonly more: AnswerValue | undefined;
  /** Milliseconds; undefined: the first request names no time. */
  readonly lookback: number | undefined;
  /** The request once a position is known. */
  readonly request: RequestTemplate;
  /** The statuses that say that the position is forgotten. */
  readonly expired: readonly number[];
}

/** The whole list at each poll. */
export interface SnapshotPlan {
  readonly kind: 'snapshot';
}

/** A throttled response that does not say 429. */
export interface ThrottleRule {
  readonly status: number;
  readonly header: string | undefined;
  readonly equals: string | undefined;
  readonly until: { readonly header: string; readonly format: TimeFormat } | undefined;
}

/** How details are fetched by id. */
export interface Expand {
  readonly ids: Steps;
  readonly size: number;
  readonly request: RequestTemplate;
  readonly records: RecordsAt;
  readonly key: Steps;
}

/** A checked definition: all of `source.yaml`, with its templates, paths and expressions compiled. */
export interface Definition {
  readonly id: string;
  readonly title: string;
  readonly vendor: string;
  readonly product: string;
  readonly dataset: string;
  readonly docs: string | undefined;
  readonly event: Categorisation;
  readonly baseUrl: string | undefined;
  readonly options: Readonly<Record<string, RawOption>>;
  readonly optionTypes: OptionTypes;
  readonly scope: readonly string[];
  readonly auth: AuthForms;
  /** Options that are sent but are no part of what names a stream. */
  readonly unscoped: readonly string[];
  readonly quotas: readonly { readonly requests: number; readonly per: number }[];
  readonly throttled: readonly ThrottleRule[];
  readonly request: RequestTemplate;
  readonly cursor: WindowPlan | PositionPlan | SnapshotPlan;
  readonly paging: Paging;
  readonly records: RecordsAt;
  readonly rules: RecordRules;
  readonly expand: Expand | undefined;
  readonly mapping: Mapping;
  readonly fields: FieldTable;
  readonly fingerprint: Fingerprint;
}

/** The options of a source whose cursor is a window. Milliseconds. */
export interface WindowOptions extends CommonOptions {
  readonly settle: number;
  readonly overlap: number;
  readonly initial_lookback: number;
  readonly slice: number;
}

/** What bounds a poll. */
export interface Limits {
  /** Requests of one stream in one poll, expansions not counted. */
  readonly pages: number;
}

export const LIMITS: Limits = { pages: 1_000 };

/** What a poll of one stream works with. */
export interface PollParts {
  readonly definition: Definition;
  readonly context: StreamContext<CommonOptions>;
  readonly limits: Limits;
}
