import { expect, test } from 'vitest';
import { takeOtelEnvironment } from '../../src/cli/process.ts';

test('taking the OTEL_* variables leaves an environment without them and returns them', () => {
  const env: Record<string, string | undefined> = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.example.com:4318',
    OTEL_SERVICE_NAME: 'x',
    PATH: '/bin',
    MOTEL_X: '1',
  };

  const taken = takeOtelEnvironment(env);

  expect(env).toEqual({ PATH: '/bin', MOTEL_X: '1' });
  expect(taken).toEqual({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.example.com:4318',
    OTEL_SERVICE_NAME: 'x',
  });
});
