/** A row of `/api/config/access/users`, the fields that matter here. */
export interface ConsoleUser {
  readonly id: number | bigint;
  readonly username: string;
  readonly email: string;
  readonly tenant_id: number;
}

const NAMES = [
  'admin',
  'asha',
  'bruno',
  'chidi',
  'dalia',
  'emre',
  'farah',
  'goran',
  'hanna',
  'idris',
  'jana',
  'kofi',
];

/** An administrator (id 1) and others, named after a fixed list; numbered when there are more. */
export function consoleUsers(count = NAMES.length): ConsoleUser[] {
  return Array.from({ length: count }, (_, index) => {
    const round = Math.floor(index / NAMES.length);
    const username = `${NAMES[index % NAMES.length]}${round === 0 ? '' : round}`;
    return { id: index + 1, username, email: `${username}@example.com`, tenant_id: 0 };
  });
}
