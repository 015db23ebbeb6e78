import { describe } from 'vitest';
import { describeBacklog } from './contract/backlog.ts';
import { describeQuotas } from './contract/quotas.ts';
import { describeChanged } from './contract/changed.ts';
import { describeCommit } from './contract/commit.ts';
import { describeDelivery } from './contract/delivery.ts';
import { describeGaps } from './contract/gaps.ts';
import { describeLedger } from './contract/ledger.ts';
import { describePolls } from './contract/polls.ts';
import { describeJobs } from './contract/jobs.ts';
import { describeProperties } from './contract/properties.ts';
import { describeStreams } from './contract/streams.ts';
import { describeTrimming } from './contract/trimming.ts';
import { Subject, type JournalStore } from './contract/subject.ts';

/** What every implementation of `Journal` promises. Run it with a maker of empty stores. */
export function describeJournal(name: string, makeStore: () => Promise<JournalStore>): void {
  describe(`${name}: the contract of a journal`, () => {
    const subject = new Subject(makeStore);
    describeStreams(subject);
    describeCommit(subject);
    describeLedger(subject);
    describeGaps(subject);
    describePolls(subject);
    describeQuotas(subject);
    describeDelivery(subject);
    describeBacklog(subject);
    describeJobs(subject);
    describeTrimming(subject);
    describeChanged(subject);
    describeProperties(subject, makeStore);
  });
}
