import { whyNoHeader } from './secrets.ts';
import { absolutePath } from './files.ts';
import { whyUnreadable, tlsProblems } from './referenced-files.ts';
import { destinationSchema, HEADER_NAME, logsUrl, readEndpoint, toDestination } from './settings.ts';
import { Problems } from './problems.ts';
import type { DestinationConfig, Environment } from './types.ts';

/**
 * The standard variables of OTLP exporters and resources (OpenTelemetry specification: "OTLP Exporter Configuration",
 * "General SDK Configuration"). An empty variable counts as unset.
 */

interface Variable {
  readonly name: string;
  readonly value: string;
}

/** Each signal has variables of its own. */
type Signal = 'LOGS' | 'METRICS';

/** The variable of a setting: the one for the signal, else the one for all signals. */
function find(env: Environment, setting: string, signal: Signal = 'LOGS'): Variable | undefined {
  for (const name of [`OTEL_EXPORTER_OTLP_${signal}_${setting}`, `OTEL_EXPORTER_OTLP_${setting}`]) {
    const value = env[name]?.trim() ?? '';
    if (value !== '') return { name, value };
  }
  return undefined;
}

/** Whether the environment describes a destination. */
export function namesEndpoint(env: Environment): boolean {
  return find(env, 'ENDPOINT') !== undefined;
}

/** Where variables are looked up, and where problems with them go. */
interface Lookup {
  readonly env: Environment;
  readonly cwd: string;
  readonly problems: Problems;
}

/**
 * The destination `otlp` that OTEL_EXPORTER_OTLP_* describe; undefined without an endpoint. Problems are added to
 * `problems`.
 */
export function environmentDestination(lookup: Lookup): DestinationConfig | undefined {
  const endpoint = find(lookup.env, 'ENDPOINT');
  // The logs endpoint is the whole URL; only the general one is a base.
  const toUrl = endpoint?.name.includes('_LOGS_') === true ? String : logsUrl;
  return endpoint && receiver('otlp', { endpoint, toUrl, signal: 'LOGS' }, lookup);
}

/** Where metrics are pushed: only if OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is set, whatever the other variables are. */
export function metricsReceiver(lookup: Lookup): DestinationConfig | undefined {
  const name = 'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT';
  const value = lookup.env[name]?.trim() ?? '';
  if (value === '') return undefined;
  return receiver('metrics', { endpoint: { name, value }, toUrl: String, signal: 'METRICS' }, lookup);
}

interface Endpoint {
  readonly endpoint: Variable;
  readonly toUrl: (endpoint: string) => string | undefined;
  readonly signal: Signal;
}

function receiver(
  name: string,
  { endpoint, toUrl, signal }: Endpoint,
  { env, cwd, problems }: Lookup,
): DestinationConfig | undefined {
  if (readEndpoint(endpoint.value) === undefined) {
    problems.addVariable(
      endpoint.name,
      'expected an http:// or https:// URL such as http://127.0.0.1:4318, without credentials',
    );
    return undefined;
  }
  const setting = (setting: string) => find(env, setting, signal);
  const block = destinationSchema.parse({
    endpoint: endpoint.value,
    protocol: choice(setting('PROTOCOL'), ['http/protobuf', 'http/json'], problems),
    compression: choice(setting('COMPRESSION'), ['gzip', 'none'], problems),
    headers: headers(setting('HEADERS'), problems),
    timeout: milliseconds(setting('TIMEOUT'), problems),
    tls: tls(setting, cwd, problems),
  });
  return {
    ...toDestination(name, block, toUrl(endpoint.value)),
    variables: { endpoint: endpoint.name, ...tlsVariables(setting) },
  };
}

function choice(
  variable: Variable | undefined,
  allowed: readonly string[],
  problems: Problems,
): string | undefined {
  if (variable === undefined || allowed.includes(variable.value)) return variable?.value;
  const hint =
    variable.value === 'grpc' ? '; gRPC is not supported: use http/protobuf, usually on port 4318' : '';
  problems.addVariable(variable.name, `expected ${allowed.join(' or ')}${hint}`);
  return undefined;
}

function milliseconds(variable: Variable | undefined, problems: Problems): string | undefined {
  if (variable === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(variable.value)) return `${variable.value}ms`;
  problems.addVariable(variable.name, 'expected milliseconds such as 10000');
  return undefined;
}

const TLS_FILES = {
  CERTIFICATE: 'ca_file',
  CLIENT_CERTIFICATE: 'cert_file',
  CLIENT_KEY: 'key_file',
} as const;

/** The variable of each TLS file: the one that is set, else the general one. */
function tlsVariables(find: (setting: string) => Variable | undefined): Record<string, string> {
  const named = Object.entries(TLS_FILES).map(([setting, option]) => [
    option,
    find(setting)?.name ?? `OTEL_EXPORTER_OTLP_${setting}`,
  ]);
  return Object.fromEntries(named) as Record<string, string>;
}

function tls(
  find: (setting: string) => Variable | undefined,
  cwd: string,
  problems: Problems,
): Record<string, string> {
  const files: Record<string, string> = {};
  for (const [setting, option] of Object.entries(TLS_FILES)) {
    const variable = find(setting);
    if (variable === undefined) continue;
    const file = absolutePath(cwd, variable.value);
    const problem = whyUnreadable(file);
    if (problem !== undefined) problems.addVariable(variable.name, problem);
    files[option] = file;
  }
  for (const { option, message } of tlsProblems(files)) {
    const [setting] = Object.entries(TLS_FILES).find(([, key]) => key === option) ?? ['CLIENT_KEY'];
    problems.addVariable(find(setting)?.name ?? '', message);
  }
  if ((files['cert_file'] === undefined) === (files['key_file'] === undefined)) return files;
  problems.addVariable(
    'OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE',
    'set it together with OTEL_EXPORTER_OTLP_CLIENT_KEY',
  );
  return {};
}

function headers(variable: Variable | undefined, problems: Problems): Record<string, string> {
  const found = pairs(variable, problems);
  for (const [name, value] of Object.entries(found)) {
    const problem = whyNoHeader(value);
    if (problem === undefined) continue;
    problems.addVariable(variable?.name ?? '', `the value of ${name} ${problem}`);
    delete found[name];
  }
  if (variable === undefined || Object.keys(found).every((name) => HEADER_NAME.test(name))) return found;
  problems.addVariable(variable.name, 'expected the name of an HTTP header before each `=`');
  return {};
}

/** Parses `a=1,b=2` with percent-encoded values. Problems never show a value, because headers carry credentials. */
function pairs(variable: Variable | undefined, problems: Problems): Record<string, string> {
  const found: [string, string][] = [];
  for (const pair of variable?.value.split(',') ?? []) {
    if (pair.trim() === '') continue;
    const [, key, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/s.exec(pair) ?? [];
    const decoded = value === undefined ? undefined : decode(value);
    if (key === undefined || decoded === undefined) {
      problems.addVariable(
        variable?.name ?? '',
        'expected name=value,name=value with percent-encoded values',
      );
    } else if (decoded !== '') found.push([decode(key) ?? key, decoded]);
  }
  return Object.fromEntries(found);
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/**
 * The resource attributes that OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME (which wins for `service.name`) add;
 * nothing of this process or host.
 * @throws ConfigError when they are malformed.
 */
export function resourceAttributes(env: Environment): Record<string, string> {
  const problems = new Problems();
  const name = 'OTEL_RESOURCE_ATTRIBUTES';
  const attributes = pairs({ name, value: env[name] ?? '' }, problems);
  problems.throwIfAny();
  const service = env['OTEL_SERVICE_NAME']?.trim() ?? '';
  return service === '' ? attributes : { ...attributes, 'service.name': service };
}

/** Checks the same variable, adding its errors to those of the configuration. */
export function checkResourceAttributes(env: Environment, problems: Problems): void {
  pairs({ name: 'OTEL_RESOURCE_ATTRIBUTES', value: env['OTEL_RESOURCE_ATTRIBUTES'] ?? '' }, problems);
}
