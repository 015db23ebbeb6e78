import type { DestinationConfig } from '../config/types.ts';
import { type Feed, feedKey, resourceOf, SCOPE, type ServiceIdentity } from './feed.ts';
import { JSON_REQUEST } from './json-request.ts';
import { PROFILES, type Routing } from './profiles.ts';
import { PROTOBUF_REQUEST } from './protobuf-request.ts';
import type { FeedParts, RequestFormat } from './request-format.ts';

/** One record of a request, in the encoding of the request. */
export interface RequestRecord {
  readonly feed: FeedParts;
  readonly bytes: Uint8Array;
}

const FORMATS: Readonly<Record<DestinationConfig['protocol'], RequestFormat>> = {
  'http/protobuf': PROTOBUF_REQUEST,
  'http/json': JSON_REQUEST,
};

/** Makes the requests to one destination of stored records, in its profile and encoding. */
export class RequestMaker {
  readonly #identity: ServiceIdentity;
  readonly #profile: (typeof PROFILES)[keyof typeof PROFILES];
  readonly #format: RequestFormat;
  readonly #feeds = new Map<string, FeedParts>();

  constructor(
    identity: ServiceIdentity,
    { profile, protocol }: Pick<DestinationConfig, 'profile' | 'protocol'>,
  ) {
    this.#identity = identity;
    this.#profile = PROFILES[profile];
    this.#format = FORMATS[protocol];
  }

  feed(feed: Feed): FeedParts {
    const key = feedKey(feed);
    const known = this.#feeds.get(key);
    if (known !== undefined) return known;
    const { dataset, lane } = feed;
    const resource = this.#format.resource(resourceOf(this.#identity, feed));
    const made = { dataset, lane, resource, scope: this.#format.scope(SCOPE, this.#profile.scope) };
    this.#feeds.set(key, made);
    return made;
  }

  /** A stored record as it is sent. */
  record(stored: Uint8Array, routing: () => Routing): Uint8Array {
    return this.#format.record(this.#profile.shape(stored, routing));
  }

  /** What a record that `record` returned takes in a request. */
  sizeOf(record: Uint8Array): number {
    return this.#format.sizeOf(record);
  }

  /** The size of a request with one record, which takes so many bytes. */
  sizeAlone(feed: FeedParts, record: number): number {
    return this.#format.frame + this.#format.sizeOfFeed(feed, record);
  }

  /** The size of a request without records, to add records to. */
  emptySize(): RequestSize {
    return new RequestSize(this.#format);
  }

  /** One request, grouped by feed in the order of their first records, as the official serializer does. */
  request(records: readonly RequestRecord[]): Uint8Array {
    const feeds = new Map<FeedParts, Uint8Array[]>();
    for (const { feed, bytes } of records) {
      const own = feeds.get(feed);
      if (own === undefined) feeds.set(feed, [bytes]);
      else own.push(bytes);
    }
    return this.#format.write(feeds);
  }
}

/** Counts the bytes of a request while records are added to it. */
export class RequestSize {
  readonly #format: RequestFormat;
  readonly #feeds = new Map<FeedParts, number>();
  #total: number;

  constructor(format: RequestFormat) {
    this.#format = format;
    this.#total = format.frame;
  }

  /** The size with one more record, which takes so many bytes. */
  with(feed: FeedParts, record: number): number {
    const before = this.#feeds.get(feed);
    const size = this.#total + this.#format.sizeOfFeed(feed, (before ?? 0) + record);
    return before === undefined ? size : size - this.#format.sizeOfFeed(feed, before);
  }

  /** Adds a record; returns by how many bytes the request grew. */
  add(feed: FeedParts, record: number): number {
    const before = this.#total;
    this.#total = this.with(feed, record);
    this.#feeds.set(feed, (this.#feeds.get(feed) ?? 0) + record);
    return this.#total - before;
  }
}
