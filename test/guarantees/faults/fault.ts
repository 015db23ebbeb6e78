/** A fault, and the test that puts the program into it. Tests are named by file and title; they are written once. */
export interface Fault {
  readonly fault: string;
  readonly file: string;
  /** As it stands in the file (`%s` and `$name` stand for anything); absent: all tests of the file. */
  readonly title?: string;
}

/** Faults whose tests are in one file: their titles by what is at fault. */
export function rows(file: string, titles: Readonly<Record<string, string | undefined>>): readonly Fault[] {
  return Object.entries(titles).map(([fault, title]) => ({ fault, file, ...(title && { title }) }));
}
