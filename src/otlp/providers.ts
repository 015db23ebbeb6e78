import type { LogRecord, Logger } from '@opentelemetry/api';
import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, type LogRecordProcessor, type ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { DestinationConfig } from '../config/types.ts';
import type { Lane } from '../journal/journal.ts';
import { PROFILES } from './profiles.ts';
import type { Encoding } from './sizes.ts';

/** Who we are to a receiver; stable over restarts and upgrades, so no version and nothing of our own host. */
export interface Identity {
  /** `OTEL_SERVICE_NAME`; without it what `resource` names, else `penstock`. */
  readonly serviceName: string | undefined;
  /** `OTEL_RESOURCE_ATTRIBUTES`, as the operator set them. */
  readonly resource: Readonly<Record<string, string>>;
}

/** The feed that a record belongs to: each is a Resource of its own. */
export interface Feed {
  readonly dataset: string;
  readonly lane: Lane;
}

/** A record that waits to be sent. */
export interface Parcel extends Feed {
  readonly record: LogRecord;
}

/** Name of the instrumentation scope. It has no version: a repeat after an upgrade must be the same bytes. */
const SCOPE = 'penstock';

/** The parts of a request that are not records: lengths of lists may take a few bytes more than in an empty one. */
const FRAMING = 32;

/**
 * Logger providers of the SDK, one for each feed, with a processor that only gathers: the SDK's own drop records
 * when full and hide every failure.
 */
export class Providers {
  readonly #identity: Identity;
  readonly #profile: DestinationConfig['profile'];
  readonly #loggers = new Map<string, Logger>();
  readonly #overheads = new Map<string, number>();
  #gathered: ReadableLogRecord[] = [];

  constructor(identity: Identity, profile: DestinationConfig['profile']) {
    this.#identity = identity;
    this.#profile = profile;
  }

  /** The parcels as the SDK's records, in order. */
  gather(parcels: readonly Parcel[]): ReadableLogRecord[] {
    for (const { record, ...feed } of parcels) this.#logger(feed).emit(record);
    const gathered = this.#gathered;
    this.#gathered = [];
    return gathered;
  }

  /** The bytes of a request with these parcels, before compression, as the exporter will write it. */
  exactSize(parcels: readonly Parcel[], encoding: Encoding): number {
    const serializer = encoding === 'http/json' ? JsonLogsSerializer : ProtobufLogsSerializer;
    return serializer.serializeRequest(this.gather(parcels))?.length ?? 0;
  }

  /** Bytes that a request spends on Resource, scope and framing of a feed, once; an upper bound. */
  overhead({ dataset, lane }: Feed, encoding: Encoding): number {
    const key = `${lane} ${dataset}`;
    const known = this.#overheads.get(key);
    if (known !== undefined) return known;
    const size = this.exactSize([{ dataset, lane, record: { timestamp: [0, 0] } }], encoding) + FRAMING;
    this.#overheads.set(key, size);
    return size;
  }

  #logger({ dataset, lane }: Feed): Logger {
    const key = `${lane} ${dataset}`;
    const logger = this.#loggers.get(key) ?? this.#makeLogger({ dataset, lane });
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
      // The SDK keeps 128 attributes by default, and drops the rest without a word.
      logRecordLimits: { attributeCountLimit: Infinity },
    });
    return provider.getLogger(SCOPE, undefined, { attributes: PROFILES[this.#profile].scope });
  }
}

/** Backfill has a namespace of its own, so that live data never makes it too old for Loki. */
function resourceOf({ serviceName, resource }: Identity, { dataset, lane }: Feed): Record<string, string> {
  return {
    ...resource,
    'service.name': serviceName ?? resource['service.name'] ?? 'penstock',
    'service.namespace': lane === 'backfill' ? `${dataset}-backfill` : dataset,
  };
}
