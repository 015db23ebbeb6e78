import type { LogRecord, Logger } from '@opentelemetry/api';
import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, type LogRecordProcessor, type ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { DestinationConfig } from '../config/types.ts';
import type { Lane } from '../core/event.ts';
import { PROFILES } from './records.ts';
import type { Encoding } from './sizes.ts';

/** How Penstock names itself to a receiver. It survives restarts and upgrades, so it holds no version and no host name. */
export interface ServiceIdentity {
  /** `OTEL_SERVICE_NAME`. Undefined: the `service.name` of `resource`, else `penstock`. */
  readonly serviceName: string | undefined;
  /** `OTEL_RESOURCE_ATTRIBUTES`, as the operator set them. */
  readonly resource: Readonly<Record<string, string>>;
}

/** The feed that a record belongs to. Each feed has its own Resource. */
export interface Feed {
  readonly dataset: string;
  readonly lane: Lane;
}

/** A record and the feed that it belongs to. */
export interface FeedRecord extends Feed {
  readonly record: LogRecord;
}

/** Name of the instrumentation scope. The scope has no version: a repeat after an upgrade must be the same bytes. */
const SCOPE = 'penstock';

/** Bytes for the parts of a request that are not records, whose lengths take more bytes in a large request. */
const FRAMING = 32;

/**
 * Logger providers of the SDK, one for each feed. Their processor only gathers: the SDK's own processors drop records
 * when they are full, and hide every failure.
 */
export class Providers {
  readonly #identity: ServiceIdentity;
  readonly #profile: DestinationConfig['profile'];
  readonly #loggers = new Map<string, Logger>();
  readonly #overheads = new Map<string, number>();
  #gathered: ReadableLogRecord[] = [];

  constructor(identity: ServiceIdentity, profile: DestinationConfig['profile']) {
    this.#identity = identity;
    this.#profile = profile;
  }

  /** The records as the SDK's own, in order. */
  gather(records: readonly FeedRecord[]): ReadableLogRecord[] {
    for (const { record, ...feed } of records) this.#logger(feed).emit(record);
    const gathered = this.#gathered;
    this.#gathered = [];
    return gathered;
  }

  /** A request with these records, before compression. */
  serialize(records: readonly FeedRecord[], encoding: Encoding): Uint8Array {
    const serializer = encoding === 'http/json' ? JsonLogsSerializer : ProtobufLogsSerializer;
    return serializer.serializeRequest(this.gather(records)) ?? new Uint8Array();
  }

  /** The bytes of a request with these records, before compression. */
  exactSize(records: readonly FeedRecord[], encoding: Encoding): number {
    return this.serialize(records, encoding).length;
  }

  /** Bytes that a feed adds to a request once, for its Resource, scope and framing; an upper bound. */
  overhead({ dataset, lane }: Feed, encoding: Encoding): number {
    const key = feedKey({ dataset, lane });
    const known = this.#overheads.get(key);
    if (known !== undefined) return known;
    const size = this.exactSize([{ dataset, lane, record: { timestamp: [0, 0] } }], encoding) + FRAMING;
    this.#overheads.set(key, size);
    return size;
  }

  #logger(feed: Feed): Logger {
    const key = feedKey(feed);
    const logger = this.#loggers.get(key) ?? this.#makeLogger(feed);
    this.#loggers.set(key, logger);
    return logger;
  }

  #makeLogger(feed: Feed): Logger {
    const gathering: LogRecordProcessor = {
      onEmit: (record) => void this.#gathered.push(record),
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve(),
    };
    const provider = new LoggerProvider({
      resource: resourceFromAttributes(resourceOf(this.#identity, feed)),
      processors: [gathering],
      // By default the SDK keeps 128 attributes and drops the others silently.
      logRecordLimits: { attributeCountLimit: Infinity },
    });
    return provider.getLogger(SCOPE, undefined, { attributes: PROFILES[this.#profile].scope });
  }
}

/** A key that is the same for records of one feed only. */
export function feedKey({ dataset, lane }: Feed): string {
  return `${lane} ${dataset}`;
}

/** Backfill has its own namespace, so that Loki never rejects it as older than live data. */
function resourceOf(
  { serviceName, resource }: ServiceIdentity,
  { dataset, lane }: Feed,
): Record<string, string> {
  return {
    ...resource,
    'service.name': serviceName ?? resource['service.name'] ?? 'penstock',
    'service.namespace': lane === 'backfill' ? `${dataset}-backfill` : dataset,
  };
}
