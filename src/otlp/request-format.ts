import type { Feed } from './feed.ts';

/** What a request holds once for each feed. All records of a feed have the same object of it. */
export interface FeedParts extends Feed {
  /** Its Resource, encoded. */
  readonly resource: Uint8Array;
  /** Its scope, encoded. */
  readonly scope: Uint8Array;
}

/** How requests are written in one encoding. All sizes are exact, in bytes, and before compression. */
export interface RequestFormat {
  resource(attributes: Readonly<Record<string, string>>): Uint8Array;
  scope(name: string, attributes: Readonly<Record<string, string>>): Uint8Array;
  /** A LogRecord, given in protobuf. */
  record(record: Uint8Array): Uint8Array;
  /** What a record takes in a request. */
  sizeOf(record: Uint8Array): number;
  /** What a feed takes whose records take so many bytes. */
  sizeOfFeed(feed: FeedParts, records: number): number;
  /** What a request with feeds takes besides them. */
  readonly frame: number;
  /** An `ExportLogsServiceRequest`. */
  write(feeds: ReadonlyMap<FeedParts, readonly Uint8Array[]>): Uint8Array;
}
