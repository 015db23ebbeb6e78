import type { Logger as PinoLogger } from 'pino';

/** Our own log: a static message, data in fields with ECS names. Secrets never pass it. */
export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error' | 'child'>;
