import { toJson } from '../core/json.ts';
import type { Row } from './qradar-condition.ts';

/** One row of `/api/access/login_attempts`. Method and result are strings, so that a console may say what no document knows. */
export interface LoginAttempt {
  /** Epoch milliseconds. */
  readonly attempt_time: number;
  readonly user_id: number | bigint;
  readonly remote_ip: string;
  readonly attempt_result: string;
  readonly attempt_method: string;
}

/** A row as the console keeps it. */
export class Entry {
  /** Epoch milliseconds, by which it is ordered. */
  readonly time: number;
  /** What filters and sorting see; for raw entries their time alone. */
  readonly row: Row;
  readonly shown: unknown;
  /** Shown as it is, whatever `fields` asks for. */
  readonly raw: boolean;
  #text: string | undefined;

  constructor(time: number, row: Row, raw?: { readonly shown: unknown }) {
    this.time = time;
    this.row = row;
    this.shown = raw === undefined ? row : raw.shown;
    this.raw = raw !== undefined;
  }

  /** JSON with all fields; made once, since a walk of many pages over a large table would make it over and over. */
  get text(): string {
    return (this.#text ??= toJson(this.shown));
  }

  /** JSON with the asked fields alone. */
  select(fields: readonly string[] | undefined): string {
    if (fields === undefined || this.raw) return this.text;
    const names = Object.keys(this.row);
    const kept = names.filter((name) => fields.includes(name));
    if (kept.length === names.length) return this.text;
    return toJson(Object.fromEntries(kept.map((name) => [name, this.row[name]])));
  }
}
