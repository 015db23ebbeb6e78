/** What a partial success rejected, without what is there already. */
export interface Rejection {
  /** Refused for good; where all are duplicates, how many those are. */
  readonly rejected: number;
  /** All that was refused is there already. */
  readonly duplicatesOnly: boolean;
  /** The ids of all records refused for good; empty when the words do not name each of them. */
  readonly named: readonly string[];
  /** All that was refused was refused for want of rights. */
  readonly forbidden: boolean;
  /** About what was refused for good. */
  readonly words: string;
}

/**
 * Tells records that are there already, which are no loss, from those that were refused. `words`: the whole message of
 * a partial success, since a part of it may not name what else was refused.
 */
export function withoutDuplicates(rejected: number, words: string): Rejection {
  const plain = { rejected, duplicatesOnly: false, named: [], forbidden: false, words };
  if (rejected === 0) return plain;
  const groups = elasticsearchGroups(words);
  if (groups.length === 0) return { ...plain, duplicatesOnly: onlyDuplicates(words) };
  const [duplicates, others] = [groups.filter(isDuplicate), groups.filter((group) => !isDuplicate(group))];
  const known = duplicates.reduce((sum, { count }) => sum + count, 0);
  if (others.length === 0 && known >= rejected) return { ...plain, duplicatesOnly: true };
  const refused = Math.max(rejected - known, 1);
  return {
    rejected: refused,
    duplicatesOnly: false,
    named: others.length === refused ? namedBy(others) : [],
    forbidden: others.length > 0 && others.every(({ status }) => NO_RIGHTS.includes(status)),
    words: duplicates.reduce((rest, { text }) => rest.replace(text, ''), words),
  };
}

/** Failures of one index with one status. */
interface Group {
  readonly text: string;
  readonly status: string;
  readonly count: number;
  /** Of one of them. */
  readonly sample: string;
}

/** How Elasticsearch tells failures, a line for each group; the status by its name or number. */
const GROUP =
  /\bIndex \[[^\]]*\] returned status \[(\w+)\] for (\d+) documents?(?:\. Sample error message: (.*))?/g;

function elasticsearchGroups(words: string): Group[] {
  return [...words.matchAll(GROUP)].map(([text, status = '', count, sample = '']) => {
    return { text, status, count: Number(count), sample };
  });
}

const NO_RIGHTS: readonly string[] = ['401', 'UNAUTHORIZED', '403', 'FORBIDDEN'];

function isDuplicate({ status }: Group): boolean {
  return status === '409' || status === 'CONFLICT';
}

/** The ids of the documents, when each group is of one document and names it. */
function namedBy(groups: readonly Group[]): readonly string[] {
  const ids = groups.map(({ count, sample }) => {
    return count === 1 ? /\bin document with id '([^']+)'/.exec(sample)?.[1] : undefined;
  });
  return ids.every((id) => id !== undefined) ? ids : [];
}

const STATUS = /\bstatus(?:[ _]?code)?\W{0,4}([1-5]\d\d)\b/gi;
const CONFLICTS =
  /version[ _]conflict(_engine_exception)?|document already exists|already exists|duplicates?|\b409\b|conflicts?/gi;
const OTHER_TROUBLE =
  /\b(4\d\d|5\d\d)\b|error|exception|fail|invalid|illegal|denied|forbidden|too (old|new|large|long|many)|limit|mapp(er|ing)|pars(e|ing)|missing|unknown|unsupported/i;

/** Whether all that these words name is that records are there already. Words that name nothing do not count. */
function onlyDuplicates(words: string): boolean {
  const statuses = [...words.matchAll(STATUS)].map(([, status]) => status);
  if (statuses.length > 0) return statuses.every((status) => status === '409');
  return words.search(CONFLICTS) !== -1 && !OTHER_TROUBLE.test(words.replaceAll(CONFLICTS, ''));
}
