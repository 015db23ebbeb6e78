import type { Answer } from './classify-response.ts';

/** An answer in one line, for people. */
export function describe({ status, words }: Pick<Answer, 'status' | 'words'>): string {
  const outcome = status === undefined ? 'no answer' : `HTTP ${status}`;
  return words === '' ? outcome : `${outcome}: ${words}`;
}

/** An answer as fields of our log. */
export function logFields({ status, words }: Pick<Answer, 'status' | 'words'>) {
  return {
    ...(status === undefined ? {} : { http: { response: { status_code: status } } }),
    ...(words === '' ? {} : { error: { message: words } }),
  };
}
