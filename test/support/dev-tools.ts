import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { Waiters } from '../../src/simulators/server.ts';

type Parameters = Readonly<Record<string, unknown>>;

interface Message {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Parameters;
  readonly result?: Parameters;
  readonly error?: { readonly message: string };
}

/** An event of the protocol. */
interface ProtocolEvent {
  readonly method: string;
  readonly params: Parameters;
}

/** The DevTools protocol of a Chromium, over its WebSocket. */
export class DevTools {
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, PromiseWithResolvers<Parameters>>();
  readonly #listeners = new Map<string, (event: ProtocolEvent) => void>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => this.#receive(JSON.parse(String(data)) as Message));
  }

  static async connect(address: string): Promise<DevTools> {
    const socket = new WebSocket(address);
    await once(socket, 'open');
    return new DevTools(socket);
  }

  send(method: string, params: Parameters = {}, sessionId?: string): Promise<Parameters> {
    this.#lastId += 1;
    const answer = Promise.withResolvers<Parameters>();
    this.#answers.set(this.#lastId, answer);
    this.#socket.send(JSON.stringify({ id: this.#lastId, method, params, sessionId }));
    return answer.promise;
  }

  async open(): Promise<Page> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const session = String(sessionId);
    const page = new Page((method, params) => this.send(method, params, session));
    this.#listeners.set(session, (event) => page.onEvent(event));
    for (const domain of ['Page', 'Network', 'Log', 'Runtime', 'Audits']) await page.send(`${domain}.enable`);
    await page.send('Emulation.setScriptExecutionDisabled', { value: true });
    return page;
  }

  #receive({ id, sessionId, method, params, result, error }: Message): void {
    if (method !== undefined) this.#listeners.get(sessionId ?? '')?.({ method, params: params ?? {} });
    if (id === undefined) return;
    const answer = this.#answers.get(id);
    this.#answers.delete(id);
    if (error === undefined) answer?.resolve(result ?? {});
    else answer?.reject(new Error(error.message));
  }
}

/** How a page is looked at. */
export interface Screen {
  readonly width: number;
  readonly height: number;
  readonly scheme?: 'light' | 'dark';
}

/** A tab. */
export class Page {
  readonly send: (method: string, params?: Parameters) => Promise<Parameters>;
  /** Addresses of all that it asked for. */
  readonly requests: string[] = [];
  /** What the browser complained about: its log, and what a Content-Security-Policy forbade. */
  readonly complaints: string[] = [];
  #loads = 0;
  readonly #waiters = new Waiters();

  constructor(send: (method: string, params?: Parameters) => Promise<Parameters>) {
    this.send = send;
  }

  onEvent({ method, params }: ProtocolEvent): void {
    if (method === 'Network.requestWillBeSent')
      this.requests.push((params['request'] as { url: string }).url);
    if (method === 'Log.entryAdded' || method === 'Audits.issueAdded')
      this.complaints.push(JSON.stringify(params));
    if (method === 'Page.loadEventFired') this.#loads += 1;
    this.#waiters.check();
  }

  /** Resolves when another page was loaded completely, after `act` began. */
  async loads(act: () => Promise<unknown> = async () => undefined): Promise<void> {
    const before = this.#loads;
    await act();
    await this.#waiters.until(() => this.#loads > before);
  }

  show({ width, height, scheme = 'light' }: Screen): Promise<unknown> {
    const mobile = width < 600;
    const features = [{ name: 'prefers-color-scheme', value: scheme }];
    return Promise.all([
      this.send('Emulation.setDeviceMetricsOverride', { width, height, mobile, deviceScaleFactor: 1 }),
      this.send('Emulation.setEmulatedMedia', { features }),
    ]);
  }

  go(url: string): Promise<void> {
    return this.loads(() => this.send('Page.navigate', { url }));
  }

  /** The value of an expression in the page, asked from outside of it. */
  async read<Value>(expression: string): Promise<Value> {
    const answer = await this.send('Runtime.evaluate', { expression, returnByValue: true });
    if (answer['exceptionDetails'] !== undefined) throw new Error(JSON.stringify(answer));
    return (answer['result'] as { value: Value }).value;
  }

  /** Types as a person does, into what is in focus. */
  type(text: string): Promise<unknown> {
    return this.send('Input.insertText', { text });
  }

  async press(key: 'Enter' | 'Tab'): Promise<void> {
    const code = { Enter: 13, Tab: 9 }[key];
    const pressed = { key, code: key, windowsVirtualKeyCode: code, ...(key === 'Enter' && { text: '\r' }) };
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...pressed });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...pressed });
  }

  /** Writes what is to be seen as a PNG. */
  async picture(file: string): Promise<void> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    await writeFile(file, String(data), 'base64');
  }
}
