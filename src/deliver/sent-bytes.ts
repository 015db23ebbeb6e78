import type { Item } from './batch.ts';
import type { Providers } from '../otlp/providers.ts';
import type { Encoding } from '../otlp/sizes.ts';

/**
 * The bytes of a request by the source of its events, in the encoding sent, before compression: exact, or a few more. The
 * Resource and scope of a feed are part of the source that has its first event.
 */
export function bytesBySource(
  items: readonly Item[],
  providers: Providers,
  encoding: Encoding,
): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  const feeds = new Set<string>();
  const add = (source: string, more: number) => bytes.set(source, (bytes.get(source) ?? 0) + more);
  for (const item of items) {
    const { source } = item.page;
    const feed = `${item.lane} ${item.dataset}`;
    if (!feeds.has(feed)) add(source, providers.overhead(item, encoding));
    feeds.add(feed);
    add(source, item.bytes);
  }
  return bytes;
}
