import { once } from 'node:events';
import type { BrotliDecompress, Inflate, InflateRaw } from 'node:zlib';
import type { ByteInput } from './byte-input.ts';

type Engine = Inflate | InflateRaw | BrotliDecompress;

/**
 * What the engine makes of the input, until the compressed data ends; what lies behind it stays in the input.
 * @throws the engine's error when the data is damaged or cut, or the input's
 */
export async function* inflate(input: ByteInput, engine: Engine): AsyncGenerator<Buffer> {
  const fed = feed(input, engine);
  yield* engine as AsyncIterable<Buffer>;
  await fed;
}

/** One chunk at a time, so that all that the engine leaves over is the end of the last one. */
async function feed(input: ByteInput, engine: Engine): Promise<void> {
  const closed = once(engine, 'close').catch(() => undefined);
  let total = 0;
  try {
    for (;;) {
      const chunk = await input.take();
      if (engine.destroyed) return;
      if (chunk === undefined) {
        engine.end();
        return;
      }
      total += chunk.length;
      await Promise.race([written(engine, chunk), closed]);
      const left = total - engine.bytesWritten;
      if (left > 0) {
        input.putBack(chunk.subarray(chunk.length - left));
        return;
      }
    }
  } catch (error) {
    // Whoever reads the engine is given it.
    engine.destroy(error as Error);
  }
}

function written(engine: Engine, chunk: Buffer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // An error is given to whoever reads the engine.
  engine.write(chunk, () => resolve());
  return promise;
}
