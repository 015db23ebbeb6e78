import { readContent } from './decode.ts';
import { VALUE } from './layout.ts';
import { Nesting } from './nesting.ts';
import { ProtobufReader, type ProtobufWriter, sizeOfVarint } from './protobuf.ts';

const nesting = new Nesting();

/**
 * Writes fields with dotted names as the content of an AnyValue that holds the nested document. The values are contents
 * of AnyValues, and are not decoded.
 */
export function writeNested(
  writer: ProtobufWriter,
  names: readonly string[],
  values: readonly Uint8Array[],
): void {
  /** Where the messages start that are not closed yet. */
  const open: number[] = [];
  const start = () => void open.push(writer.open(1));
  const end = () => writer.close(open.pop() ?? 0, 1);
  writer.byte(VALUE.pairs);
  start();
  for (const step of nesting.of(names)) {
    if (step.kind === 'field') {
      writeField(writer, step.key, values[step.index] ?? new Uint8Array());
    } else if (step.kind === 'open') {
      writer.byte(VALUE.element);
      start();
      writer.raw(step.key);
      start();
      writer.byte(VALUE.pairs);
      start();
    } else {
      end();
      end();
      end();
    }
  }
  end();
}

/** The nested document as JSON. `values`: contents of AnyValues. */
export function nestedJson(names: readonly string[], values: readonly Uint8Array[]): string {
  let text = '{';
  let comma = '';
  for (const step of nesting.of(names)) {
    if (step.kind === 'close') {
      text += '}';
      comma = ',';
    } else if (step.kind === 'open') {
      text += `${comma}${step.json}{`;
      comma = '';
    } else {
      const value = values[step.index];
      text += `${comma}${step.json}${value === undefined ? 'null' : JSON.stringify(readContent(new ProtobufReader(value)))}`;
      comma = ',';
    }
  }
  return `${text}}`;
}

function writeField(writer: ProtobufWriter, key: Uint8Array, value: Uint8Array): void {
  writer.byte(VALUE.element);
  writer.varint(key.length + sizeOfVarint(value.length) + value.length);
  writer.raw(key);
  writer.varint(value.length);
  writer.raw(value);
}
