import { loadConfig } from '../config/load.ts';
import { createLogger } from '../observe/log.ts';
import type { LoadedConfig } from '../runtime/reload.ts';
import { loadSources } from '../sources/registry.ts';
import type { Io } from './io.ts';

/** Reads the configuration that the flags name, and makes the log that it asks for. Throws ConfigError. */
export async function setUp(io: Io, flags: Readonly<Record<string, unknown>>): Promise<LoadedConfig> {
  const file = flags['config'] as string | undefined;
  const config = await loadConfig({ file, env: io.env, types: await loadSources(), cwd: io.cwd });
  return { config, log: createLogger({ ...config.log, stream: io.stderr }) };
}

/** As `setUp`, for a command that somebody watches: a wait for a quota is shown even if `log.level` is higher. */
export async function setUpVisibly(io: Io, flags: Readonly<Record<string, unknown>>): Promise<LoadedConfig> {
  const { config } = await setUp(io, flags);
  const level = config.log.level === 'debug' ? 'debug' : 'info';
  return { config, log: createLogger({ ...config.log, level, stream: io.stderr }) };
}
