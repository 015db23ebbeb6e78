import { explain } from '../core/errors.ts';
import type { EcsEvent, EcsValue, FieldTable } from '../core/event.ts';
import { ECS_DOUBLES } from '../ecs/double-fields.generated.ts';
import { PAIR, RECORD, UID } from './layout.ts';
import type { ProtobufWriter } from './protobuf.ts';
import { safeValue, writeValue } from './values.ts';

/** Beyond so many names, such as those of a vendor's own members, what is prepared for them is made anew. */
const MOST_PREPARED = 2_000;

/** A value that comes so often one after another is kept as bytes, unless its attribute has more of them. */
const OFTEN = 4;
const LARGEST_PREPARED = 512;

/** What is prepared for the attributes of one name. */
interface Prepared {
  /** The key of the KeyValue with its tag and length, and the tag of the value. */
  readonly key: Uint8Array;
  readonly double: boolean;
  /** The value that was written last, how often it came one after another, and the whole attribute when that is often. */
  last: unknown;
  times: number;
  bytes: Uint8Array | undefined;
}

/** Fields that are not written as attributes: a record carries them in places of their own, or OTLP has no such name. */
const ELSEWHERE: ReadonlySet<string> = new Set(['@timestamp', 'message', UID, '']);

/**
 * Writes attributes of log records. Names are encoded once, and so is a value that comes again and again, such as the
 * fields that all events of a page have in common.
 */
export class AttributeWriter {
  readonly #fields: FieldTable;
  readonly #writer: ProtobufWriter;
  readonly #uid: Prepared;
  readonly #prepared = new Map<string, Prepared | null>();

  /** `fields`: the types of the fields that ECS does not define. */
  constructor(fields: FieldTable, writer: ProtobufWriter) {
    this.#fields = fields;
    this.#writer = writer;
    this.#uid = this.#preparedOf(UID);
  }

  /**
   * Writes the id, and every field whose value OTLP can carry.
   * @throws RangeError or TypeError for a name without a form in UTF-8, and for a value that cannot be encoded
   */
  write(uid: string, event: EcsEvent): void {
    this.#attribute(this.#uid, uid);
    for (const name in event) {
      const known = this.#prepared.get(name);
      const prepared = known === undefined ? this.#prepare(name) : known;
      if (prepared !== null) this.#attribute(prepared, event[name]);
    }
  }

  /** Why a value cannot be encoded, in words; undefined when it can be, or is left out as the rules say. */
  problemOf(name: string, value: unknown): string | undefined {
    try {
      safeValue(value, this.#isDouble(name));
      return undefined;
    } catch (error) {
      return explain(error);
    }
  }

  #attribute(prepared: Prepared, value: unknown): void {
    const again = Object.is(value, prepared.last);
    if (again && prepared.bytes !== undefined) {
      this.#writer.raw(prepared.bytes);
      return;
    }
    const safe = safeValue(value, prepared.double);
    if (safe === undefined) return;
    const start = this.#writer.length;
    this.#pair(prepared, safe);
    prepared.times = again ? prepared.times + 1 : 1;
    prepared.bytes = prepared.times === OFTEN ? this.#writer.copy(start) : undefined;
    prepared.last = this.#writer.length - start <= LARGEST_PREPARED ? value : undefined;
  }

  #pair({ key, double }: Prepared, value: EcsValue): void {
    const writer = this.#writer;
    writer.byte(RECORD.attribute);
    const pair = writer.open(1);
    writer.raw(key);
    const start = writer.open(1);
    writeValue(writer, value, double);
    writer.close(start, 1);
    writer.close(pair, 1);
  }

  #prepare(name: string): Prepared | null {
    if (!name.isWellFormed()) throw new TypeError('The name of a field has no form in UTF-8.');
    if (this.#prepared.size >= MOST_PREPARED) this.#prepared.clear();
    const prepared = ELSEWHERE.has(name) ? null : this.#preparedOf(name);
    this.#prepared.set(name, prepared);
    return prepared;
  }

  #preparedOf(name: string): Prepared {
    const writer = this.#writer;
    const start = writer.length;
    writer.byte(PAIR.key);
    writer.text(name);
    writer.byte(PAIR.value);
    const key = writer.copy(start);
    writer.length = start;
    return { key, double: this.#isDouble(name), last: undefined, times: 0, bytes: undefined };
  }

  #isDouble(name: string): boolean {
    return this.#fields[name] === 'double' || ECS_DOUBLES.has(name);
  }
}
