/**
 * What a source outside this tree is made of, as `penstock` exports it: the contract, its options, events and errors, and what
 * the shipped sources share. A source in the tree imports each from its own file.
 */
export * from '../../core/source.ts';
export { compact, type EcsEvent, type EcsValue, type FieldTable, type FieldType } from '../../core/event.ts';
export { RefusedError, UnavailableError, UnexpectedAnswerError } from '../../core/errors.ts';
export type { ClockReading, GetRequest, Http, HttpRequest, HttpResponse } from '../../core/http.ts';
export type { Authorisation, Credential } from '../../core/authentication.ts';
export { readRecord } from '../../core/read-record.ts';
export { Rows } from '../../core/rows.ts';
export type { Secret } from '../../core/secret.ts';
export {
  duration,
  httpUrl,
  password,
  sourceOptions,
  type Tenants,
  tenants,
  timezone,
} from '../../config/options.ts';
export { addressOf, bucketInWords, changeInWords, isoTime } from '../../ecs/common.ts';
export * from './answer.ts';
export * from './clock.ts';
export * from './keys.ts';
export * from './keyset.ts';
export * from './memo.ts';
export * from './tenants.ts';
export * from './windows.ts';
