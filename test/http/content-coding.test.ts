import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ContentCodingError, decodeContent, decodeWhole } from '../../src/http/content-coding.ts';

const CONTENT = Buffer.from(JSON.stringify({ text: 'some words '.repeat(3_000) }));
const LIMIT = 10_000_000;

async function* inPieces(body: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size);
}

async function collected(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

describe('decoding', () => {
  test.each([
    ['gzip', gzipSync(CONTENT)],
    ['GZip', gzipSync(CONTENT)],
    ['x-gzip', gzipSync(CONTENT)],
    ['BR', brotliCompressSync(CONTENT)],
    ['deflate', deflateSync(CONTENT)],
    ['Deflate', deflateRawSync(CONTENT)],
    ['gzip;q=1.0', gzipSync(CONTENT)],
    ['gzip, gzip', gzipSync(gzipSync(CONTENT))],
    ['gzip, br', brotliCompressSync(gzipSync(CONTENT))],
    ['deflate,identity , GZIP', gzipSync(deflateRawSync(CONTENT))],
  ])('a body in %s is decoded from chunks of any size', async (coding, body) => {
    for (const size of [1, 2, 7, 1_000, body.length]) {
      expect(await collected(decodeContent(inPieces(body, size), coding))).toEqual(CONTENT);
    }
  });

  test.each([
    'Identity',
    'none',
    '',
    ' , ',
    'UTF-8',
    'iso-8859-1',
    'charset=utf-8',
    'application/json',
    'chunked',
  ])('a body with the content-encoding %j, which is not a coding, is not changed', async (coding) => {
    expect(await decodeWhole(CONTENT, coding, LIMIT)).toEqual(CONTENT);
  });

  test.each(['gzip', 'deflate', 'br', 'gzip, br'])(
    'an empty body in %s decodes to nothing',
    async (coding) => {
      expect(await decodeWhole(Buffer.alloc(0), coding, LIMIT)).toEqual(Buffer.alloc(0));
    },
  );

  test('a gzip header may have every optional part', async () => {
    const [plain, flags] = [gzipSync(CONTENT), Buffer.from([2 + 4 + 8 + 16])];
    const parts = [Buffer.from([3, 0, 1, 2, 3]), Buffer.from('name\0comment\0'), Buffer.from([9, 9])];
    const body = Buffer.concat([
      plain.subarray(0, 3),
      flags,
      plain.subarray(4, 10),
      ...parts,
      plain.subarray(10),
    ]);

    expect(await collected(decodeContent(inPieces(body, 3), 'gzip'))).toEqual(CONTENT);
  });

  test('several gzip members are decoded', async () => {
    const body = Buffer.concat([gzipSync('{"a":'), gzipSync('1}')]);

    expect(String(await decodeWhole(body, 'gzip', LIMIT))).toBe('{"a":1}');
  });

  test('any content is decoded, and bytes after its end are ignored', async () => {
    const coders = fc.constantFrom(
      ['gzip', gzipSync] as const,
      ['deflate', deflateSync] as const,
      ['deflate', deflateRawSync] as const,
      ['br', brotliCompressSync] as const,
    );
    const behind = fc.uint8Array({ maxLength: 70 }).filter(([first]) => first !== 0x1f);
    const content = fc.uint8Array({ minLength: 1, maxLength: 40_000, size: 'max' });
    await fc.assert(
      fc.asyncProperty(
        coders,
        content,
        behind,
        fc.integer({ min: 1, max: 20_000 }),
        async (coder, bytes, tail, size) => {
          const body = Buffer.concat([coder[1](bytes), tail]);
          const decoded = await collected(decodeContent(inPieces(body, size), coder[0]));
          expect(decoded.equals(bytes)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('errors', () => {
  test.each(['snappy', 'zstd', 'gzip, Snappy', 'compress'])(
    'an unknown coding is an error: %s',
    async (coding) => {
      const name = coding.replace('gzip, ', '').toLowerCase();

      expect(() => decodeContent(inPieces(CONTENT, 10), coding)).toThrow(ContentCodingError);
      expect(() => decodeContent(inPieces(CONTENT, 10), coding)).toThrow(`"${name}"`);
    },
  );

  test('too many nested codings are an error', () => {
    expect(() => decodeContent(inPieces(CONTENT, 10), 'gzip,'.repeat(6))).toThrow(ContentCodingError);
  });

  test.each([
    ['gzip', 'cut', gzipSync(CONTENT).subarray(0, -12)],
    ['gzip', 'cut in its trailer', gzipSync(CONTENT).subarray(0, -1)],
    ['gzip', 'plain', CONTENT],
    ['gzip', 'damaged', damaged(gzipSync(CONTENT))],
    ['gzip', 'followed by half a member', Buffer.concat([gzipSync('1'), gzipSync(CONTENT).subarray(0, 30)])],
    ['deflate', 'cut', deflateSync(CONTENT).subarray(0, -12)],
    ['br', 'cut', brotliCompressSync(CONTENT).subarray(0, -3)],
    ['br', 'plain', CONTENT],
  ])('a body in %s that is %s is an error that names the coding', async (coding, _how, body) => {
    const decoding = decodeWhole(body, coding, LIMIT);

    await expect(decoding).rejects.toThrow(ContentCodingError);
    await expect(decoding).rejects.toThrow(`(${coding})`);
  });

  test('content above the limit is not returned', async () => {
    expect(await decodeWhole(gzipSync(Buffer.alloc(1_000_000)), 'gzip', 999_999)).toBeUndefined();
    expect(await decodeWhole(gzipSync(Buffer.alloc(1_000_000)), 'gzip', 1_000_000)).toHaveLength(1_000_000);
  });
});

test('an error of the body itself is passed on', async () => {
  const broken = new Error('the connection broke');
  async function* breaking(): AsyncGenerator<Buffer> {
    yield gzipSync(gzipSync(CONTENT)).subarray(0, 50);
    throw broken;
  }

  await expect(collected(decodeContent(breaking(), 'gzip, gzip'))).rejects.toBe(broken);
  await expect(collected(decodeContent(breaking(), 'gzip'))).rejects.toBe(broken);
});

test('a reader that stops does not wait for a body that stalls', async () => {
  for await (const chunk of decodeContent(stalling(), 'gzip')) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
});

function damaged(body: Buffer): Buffer {
  const copy = Buffer.from(body);
  copy.writeUInt32LE(0, copy.length - 8);
  return copy;
}

async function* stalling(): AsyncGenerator<Buffer> {
  yield gzipSync(Buffer.alloc(10_000_000)).subarray(0, 5_000);
  await new Promise(() => undefined);
}
