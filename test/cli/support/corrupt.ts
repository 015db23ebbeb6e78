import { open } from 'node:fs/promises';

const PAGE = 4096;

/** Overwrites all but the first two pages of a state's database, as a disk that fails would. */
export async function corruptDatabase(directory: string): Promise<void> {
  const file = await open(`${directory}/penstock.db`, 'r+');
  try {
    const { size } = await file.stat();
    await file.write(Buffer.alloc(size - 2 * PAGE, 0xa5), 0, undefined, 2 * PAGE);
  } finally {
    await file.close();
  }
}
