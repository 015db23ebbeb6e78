import { describe } from 'vitest';
import { openPostgres } from '../../../src/journal/postgres/open.ts';
import { NO_POSTGRES, ownSchema } from '../../support/postgres.ts';
import { describeJournal } from '../contract.ts';
import { placeAt } from '../support/databases.ts';

describe.skipIf(NO_POSTGRES)('on a real PostgreSQL', () => {
  describeJournal('the PostgreSQL journal', async () => {
    const own = await ownSchema();
    const place = placeAt(own.url, { schema: own.schema });
    return {
      open: (options) => openPostgres({ ...options, place, maxBytes: 2 ** 31, quotaTime: 'caller' }),
      [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
    };
  });
});
