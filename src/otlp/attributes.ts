import type { EcsValue, FieldTable } from '../core/event.ts';
import { ECS_DOUBLES } from '../ecs/double-fields.generated.ts';
import { PAIR, RECORD } from './layout.ts';
import type { ProtobufWriter } from './protobuf.ts';
import { safeValue, writeValue } from './values.ts';

/** Beyond so many names, such as those of a vendor's own members, what is prepared for them is made anew. */
const MOST_PREPARED = 2_000;

/** A larger attribute is not kept. Bytes. */
const LARGEST_PREPARED = 512;

/** What is prepared for the attributes of one name. */
interface Prepared {
  /** The key of the KeyValue with its tag and length, and the tag of the value. */
  readonly key: Uint8Array;
  readonly double: boolean;
  /** The value that was written last, and the whole attribute once the same value came again. */
  last: unknown;
  bytes: Uint8Array | undefined;
}

/**
 * Writes attributes of log records. Names are encoded once, and so is a value that comes again and again, such as the
 * fields that all events of a page have in common.
 */
export class AttributeWriter {
  readonly #fields: FieldTable;
  readonly #prepared = new Map<string, Prepared>();

  constructor(fields: FieldTable) {
    this.#fields = fields;
  }

  /** Writes one attribute, or nothing where OTLP cannot carry the value. The name must be well-formed. */
  write(writer: ProtobufWriter, name: string, value: unknown): void {
    const prepared = this.#prepared.get(name) ?? this.#prepare(writer, name);
    const again = Object.is(value, prepared.last);
    if (again && prepared.bytes !== undefined) {
      writer.raw(prepared.bytes);
      return;
    }
    const safe = safeValue(value, prepared.double);
    if (safe === undefined) return;
    const start = writer.length;
    writePair(writer, prepared, safe);
    prepared.bytes = again ? writer.copy(start) : undefined;
    prepared.last = writer.length - start <= LARGEST_PREPARED ? value : undefined;
  }

  /** Whether a value can be written, or left out as the rules say. */
  fits(name: string, value: unknown): boolean {
    try {
      safeValue(value, this.#isDouble(name));
      return true;
    } catch {
      return false;
    }
  }

  #prepare(writer: ProtobufWriter, name: string): Prepared {
    if (this.#prepared.size >= MOST_PREPARED) this.#prepared.clear();
    const prepared = {
      key: encodedKey(writer, name),
      double: this.#isDouble(name),
      last: undefined,
      bytes: undefined,
    };
    this.#prepared.set(name, prepared);
    return prepared;
  }

  #isDouble(name: string): boolean {
    return this.#fields[name] === 'double' || ECS_DOUBLES.has(name);
  }
}

function encodedKey(writer: ProtobufWriter, name: string): Uint8Array {
  const start = writer.length;
  writer.byte(PAIR.key);
  writer.text(name);
  writer.byte(PAIR.value);
  const key = writer.copy(start);
  writer.length = start;
  return key;
}

function writePair(writer: ProtobufWriter, { key, double }: Prepared, value: EcsValue): void {
  writer.byte(RECORD.attribute);
  const pair = writer.open(1);
  writer.raw(key);
  const start = writer.open(1);
  writeValue(writer, value, double);
  writer.close(start, 1);
  writer.close(pair, 1);
}
