import type { CommonOptions, Source } from '../core/source.ts';
import type { Secret } from '../core/secret.ts';
import type { Shape } from '../ecs/shape.ts';

/** The environment variables of the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Source types by id. */
export type SourceTypes = ReadonlyMap<string, Source>;

/** The source types that a configuration may name, by id: each as it is, or a function that loads it. */
export type LoadableTypes = ReadonlyMap<string, Source | (() => Promise<Source>)>;

/** A whole configuration, checked; durations and sizes are numbers (ms, bytes). */
export interface Config {
  /** Where it was read from, for messages; undefined for the demo's. */
  readonly file: string | undefined;
  readonly state: StateConfig;
  /** The name of this replica; undefined: it is made up. */
  readonly replica: string | undefined;
  readonly destinations: readonly DestinationConfig[];
  readonly sources: readonly SourceConfig[];
  readonly admin:
    | { readonly listen: string; readonly allowances: Readonly<Record<string, number>> }
    | undefined;
  readonly log: LogConfig;
  /** Where metrics are pushed by OTLP; undefined: nowhere. */
  readonly metrics?: DestinationConfig | undefined;
  /** Milliseconds, or undefined: off. */
  readonly heartbeat: number | undefined;
}

/** Where the state is: a directory of this machine, or a database that several replicas share. */
export type StatePlace = DirectoryPlace | PostgresPlace;

export interface DirectoryPlace {
  readonly kind: 'directory';
  readonly path: string;
  readonly allowNetworkFs: boolean;
}

export interface PostgresPlace {
  readonly kind: 'postgres';
  readonly url: Secret;
  /** Where its tables are. */
  readonly schema: string;
  readonly tls: TlsConfig;
  /** How long a replica works on a source or a destination without renewing its right to, milliseconds. */
  readonly lease: number;
}

export interface StateConfig {
  readonly place: StatePlace;
  /** Cap on what the journal stores. */
  readonly maxBytes: number;
  /** Milliseconds that delivered pages are kept for `replay`. */
  readonly retain: number;
}

/** What may wait for a destination: bytes in the journal, or the time since it was journaled (ms). */
export type BacklogLimit = { readonly bytes: number } | { readonly age: number };

export interface DestinationConfig {
  readonly name: string;
  /** Whole URL of the logs endpoint (`/v1/logs` already added). */
  readonly url: string;
  readonly protocol: 'http/protobuf' | 'http/json';
  readonly profile: 'attributes' | 'elastic-ecs' | 'elastic-bodymap' | 'json-body';
  readonly headers: Readonly<Record<string, Secret>>;
  readonly compression: 'gzip' | 'none';
  readonly timeout: number;
  readonly maxRequestBytes: number;
  readonly maxEventAge: number | undefined;
  /** While the destination accepts nothing, its oldest events beyond this limit are skipped; undefined: none are. */
  readonly backlog?: BacklogLimit | undefined;
  readonly tls: TlsConfig;
  /** Names of the sources that it receives; undefined: all. */
  readonly sources: readonly string[] | undefined;
  /** Ids of the vendor tenants that it receives; undefined: all. */
  readonly tenants: readonly string[] | undefined;
  readonly namespace: string | undefined;
  /** The environment variables that set it, by option; undefined when the configuration file does. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** Paths, not contents: certificates are read again when a connection is made. */
export interface TlsConfig {
  readonly ca_file?: string | null | undefined;
  readonly cert_file?: string | null | undefined;
  readonly key_file?: string | null | undefined;
  readonly key_passphrase?: Secret | null | undefined;
  readonly server_name?: string | null | undefined;
  readonly insecure_skip_verify?: boolean | undefined;
}

export interface SourceConfig {
  readonly name: string;
  readonly definition: Source;
  /** Output of the definition's `options`. */
  readonly options: CommonOptions;
  /** `data_stream.namespace` for all of it, or per tenant. */
  readonly namespace: string | undefined;
  /** Its `shape`, checked and compiled; undefined when it sets none. */
  readonly shape?: Shape | undefined;
}

export interface LogConfig {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly format: 'json' | 'pretty';
}
