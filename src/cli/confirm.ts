import type { Io } from './io.ts';

/** Asks on a terminal, and says whether the answer is just `expected`. */
export async function confirm({ stdin, stderr }: Io, question: string, expected: string): Promise<boolean> {
  stderr.write(question);
  return (await firstLine(stdin)) === expected;
}

async function firstLine(input: Io['stdin']): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of input) {
    text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    if (text.includes('\n')) break;
  }
  return (text.split('\n')[0] ?? '').trim();
}
