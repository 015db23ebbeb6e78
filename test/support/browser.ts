import { existsSync } from 'node:fs';
import { startProgram, type Running } from './cli.ts';
import { DevTools, type Page } from './dev-tools.ts';
import { temporaryDirectory } from './temporary.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) =>
  existsSync(file),
);

/** Why there is no browser to test with, for the name of what is skipped; empty when there is one. In CI it is a failure. */
export function withoutBrowser(): string {
  if (CHROMIUM !== undefined) return '';
  const reason = 'Chromium is missing: apt-get install chromium';
  if (process.env['CI'] === 'true') throw new Error(reason);
  return ` (skipped: ${reason})`;
}

const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--no-first-run',
  '--remote-debugging-port=0',
  // Nothing but loopback is there to be asked.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

/** A Chromium of its own, without a window. */
export class Browser implements AsyncDisposable {
  readonly #process: Running;
  readonly #tools: DevTools;
  readonly #profile: AsyncDisposable;

  private constructor(process: Running, tools: DevTools, profile: AsyncDisposable) {
    this.#process = process;
    this.#tools = tools;
    this.#profile = profile;
  }

  static async start(): Promise<Browser> {
    if (CHROMIUM === undefined) throw new Error(withoutBrowser());
    const profile = await temporaryDirectory();
    const command = [CHROMIUM, ...FLAGS, `--user-data-dir=${profile.path}`, 'about:blank'];
    const process = startProgram(command, { env: { HOME: profile.path } });
    const words = 'DevTools listening on ws://';
    await Promise.race([process.said(words), process.ended]);
    const [address] = /ws:\/\/\S+/.exec(process.stderr()) ?? [];
    if (address === undefined) throw new Error(`Chromium did not start: ${process.stderr()}`);
    return new Browser(process, await DevTools.connect(address), profile);
  }

  /** A tab of its own, in which pages may not run scripts. */
  open(): Promise<Page> {
    return this.#tools.open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tools.send('Browser.close');
    await this.#process.ended;
    await this.#profile[Symbol.asyncDispose]();
  }
}
