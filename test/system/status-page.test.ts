import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { systemClock } from '../../src/core/clock.ts';
import { startReceiver, type Receiver } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole, type SimulatedConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { Browser, withoutBrowser } from '../support/browser.ts';
import type { Page, Screen } from '../support/dev-tools.ts';
import { startCli, workspace, type Running } from '../support/cli.ts';

const HEALTHY = 297;
const LONG_NAME = 'zulu-with-a-name-that-is-as-long-as-a-host-name-of-a-large-company';
const TOKEN = 'token-of-the-status-page-test';
const HOSTILE = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`;
/** Of a vendor that writes no spaces. */
const UNBROKEN = 'x'.repeat(300);
const PHONE = { width: 360, height: 800 };
const DESKTOP = { width: 1280, height: 900 };

const skipped = withoutBrowser();
const stack = new AsyncDisposableStack();
let good: SimulatedConsole;
let bad: SimulatedConsole;
let siem: Receiver;
let audit: Receiver;
let daemon: Running;
let browser: Browser;
let url: string;

function configuration(state: string): string {
  const type = 'qradar-login-attempts';
  const at = (account: string, base_url: string, rest = {}) => ({
    type,
    base_url,
    account,
    token: TOKEN,
    schedule: 'every 2m',
    timeout: '5m',
    resolve_users: false,
    ...rest,
  });
  const healthy = Array.from({ length: HEALTHY }, (_, index) => [
    `console-${index + 1}`,
    at(`a${index + 1}`, good.url),
  ]);
  return stringify({
    admin: { listen: '127.0.0.1:0' },
    state: { path: state },
    destinations: { siem: { endpoint: siem.url }, audit: { endpoint: audit.url } },
    // The names and the order of the file would put them last.
    sources: {
      ...Object.fromEntries(healthy),
      'zulu-broken': at('broken', bad.url, { retries: 0 }),
      [LONG_NAME]: at('broken-2', bad.url, { retries: 0 }),
      'zulu-refused': at('refused', good.url, { token: 'a-token-that-nobody-knows' }),
    },
    log: { level: 'info' },
  });
}

beforeAll(async () => {
  if (skipped !== '') return;
  const random = seeded(29);
  const now = Date.now();
  const rows = loginAttempts({ random, count: 4, from: now - 1_800_000, to: now - 300_000 });
  good = stack.use(await startConsole({ clock: systemClock, token: TOKEN, rows }));
  bad = stack.use(await startConsole({ clock: systemClock, token: TOKEN, rows: [] }));
  bad.onRequest = () => ({ status: 500, body: { message: `${HOSTILE} ${UNBROKEN}` } });
  siem = stack.use(await startReceiver({ clock: systemClock }));
  audit = stack.use(await startReceiver({ clock: systemClock }));
  audit.answer = () => ({ status: 401, words: `${HOSTILE} ${UNBROKEN}` });
  const space = stack.use(await workspace((path) => configuration(`${path}/state`)));
  daemon = startCli(['run', '-c', space.config]);
  stack.defer(async () => {
    daemon.child.kill('SIGTERM');
    await daemon.ended;
  });
  await Promise.race([daemon.said('"port":'), daemon.ended]);
  url = `http://127.0.0.1:${/"port":(\d+)/.exec(daemon.stderr())?.[1]}`;
  browser = stack.use(await Browser.start());
  await settled();
});

afterAll(() => stack.disposeAsync());

/** Every source has been polled, and the destination that refuses everything has said so. */
async function settled(): Promise<void> {
  const expected = { healthy: HEALTHY + 1, failing: 2, refused: 1, paused: 1 };
  const look = async () => expect(statesOf(await (await fetch(`${url}/metrics`)).text())).toEqual(expected);
  await vi.waitFor(look, { timeout: 540_000, interval: 3_000 });
}

/** How many sources and destinations are in each state. */
function statesOf(metrics: string): Record<string, number> {
  const held = metrics.matchAll(/^penstock_(?:source|destination)_state\{.*state="(\w+)".*\} 1$/gm);
  const names = [...held].map(([, name = '']) => name);
  return Object.fromEntries(
    Object.entries(Object.groupBy(names, (name) => name)).map(([name, all = []]) => [name, all.length]),
  );
}

/** A new tab that shows this path. */
async function look(path: string, screen: Screen = DESKTOP): Promise<Page> {
  const page = await browser.open();
  await page.show(screen);
  await page.go(url + path);
  return page;
}

/** The text of all that a selector finds. */
function texts(page: Page, selector: string): Promise<string[]> {
  return page.read(
    `[...document.querySelectorAll(${JSON.stringify(selector)})].map((one) => one.innerText.split('\\n')[0].trim())`,
  );
}

/** The texts that differ too little from their background (WCAG 2.2, 1.4.3: 4.5 to 1). */
const FAINT = `(() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const behind = (one) => {
    const colour = rgb(getComputedStyle(one).backgroundColor);
    return colour[3] === 0 && one.parentElement ? behind(one.parentElement) : colour;
  };
  const ratio = (one) => {
    const [a, b] = [light(rgb(getComputedStyle(one).color)), light(behind(one))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const hasText = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '');
  const all = [...document.body.querySelectorAll('*')].filter(hasText).slice(0, 500);
  return all.filter((one) => ratio(one) < 4.5).map((one) => one.outerHTML.slice(0, 100));
})()`;

const SOURCES = 'table.sources tbody th';
const DESTINATIONS = 'table.destinations tbody th';
const STATES = 'table.sources td.state .is';

describe.skipIf(skipped !== '')(`the status page in a browser without JavaScript${skipped}`, () => {
  it('shows 300 sources and two destinations, those with problems first', async () => {
    const page = await look('/');

    const names = await texts(page, SOURCES);
    expect(names).toHaveLength(300);
    expect(names.slice(0, 5)).toEqual(['zulu-refused', 'zulu-broken', LONG_NAME, 'console-1', 'console-2']);
    expect((await texts(page, STATES)).slice(0, 4)).toEqual(['refused', 'failing', 'failing', 'healthy']);
    expect(await texts(page, DESTINATIONS)).toEqual(['audit', 'siem']);
    expect(await page.read('document.title')).toBe(
      'Penstock: 3 of 300 sources and 1 of 2 destinations need attention',
    );
  });

  it.each(
    [PHONE, DESKTOP].flatMap((screen) =>
      (['light', 'dark'] as const).map((scheme) => ({ ...screen, scheme })),
    ),
  )('is as wide as its window of $width pixels, and legible in $scheme colours', async (screen) => {
    const page = await look('/', screen);

    const [width, content] = await page.read<number[]>(
      '[window.innerWidth, document.documentElement.scrollWidth]',
    );
    expect(width).toBe(screen.width);
    expect(content).toBeLessThanOrEqual(screen.width);
    const background = await page.read<string>('getComputedStyle(document.body).backgroundColor');
    expect(background).toBe(screen.scheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(13, 17, 23)');
    expect(await page.read(FAINT)).toEqual([]);
  });

  it('is filtered by what is typed, and renews itself with the filter that it has', async () => {
    const page = await look('/?state=failing', PHONE);
    expect(await texts(page, SOURCES)).toEqual(['zulu-broken', LONG_NAME]);
    expect(await texts(page, DESTINATIONS)).toEqual([]);

    await page.read(`document.querySelector('input[name=q]').focus()`);
    await page.type('Large-Company');
    await page.loads(() => page.press('Enter'));
    const typed = await texts(page, SOURCES);
    await page.loads();

    expect(typed).toEqual([LONG_NAME]);
    expect(await page.read('location.search')).toBe('?state=failing&q=Large-Company');
    expect(await texts(page, SOURCES)).toEqual([LONG_NAME]);
    expect(await page.read(`document.querySelector('input[name=q]').value`)).toBe('Large-Company');
  });

  it('shows what others answered as text, and asks nobody else for anything', async () => {
    const page = await browser.open();
    await page.send('Emulation.setScriptExecutionDisabled', { value: false });

    await page.go(`${url}/?q=${encodeURIComponent('"><script>document.title=1</script>')}`);
    const quoted = await page.read<string>(`document.querySelector('input[name=q]').value`);
    await page.go(`${url}/?state=attention`);

    expect(quoted).toBe('"><script>document.title=1</script>');
    expect(await page.read('document.body.innerText')).toContain(HOSTILE);
    expect(await page.read('document.title')).toMatch(/^Penstock: /);
    expect(await page.read(`document.querySelectorAll('script, img, iframe, link, object').length`)).toBe(0);
    expect(await page.read('document.documentElement.outerHTML')).not.toContain(TOKEN);
    expect(page.requests.filter((address) => !address.startsWith(`${url}/`))).toEqual([]);
    expect(page.complaints).toEqual([]);
  });
});
