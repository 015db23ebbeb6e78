import type { StandIns } from './stand-ins.ts';

/** Members whose texts say what happened and not to whom. All other texts are replaced. */
const ENUMERATION =
  /(?:^|_)(?:action|activity|algorithm|auth|browser|category|class|code|country|currency|decision|direction|effect|enabled|event|factor|format|kind|language|level|locale|method|mode|object|operation|operator|os|outcome|phase|platform|priority|protocol|reason|result|risk|scheme|severity|sort|stage|state|status|success|timezone|type|unit|verb|version)s?(?:_(?:name|type))?$/;

/** Members whose numbers say who or where, not how many. */
const IDENTIFYING_NUMBER =
  /(?:^|_)(?:id|ids|uid|gid|pid|uuid|guid|number|phone|mobile|account|lat|latitude|lon|lng|longitude|zip|serial)$/;

const TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?)?$/i;
const HTTP_DATE = /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/;
/** Seconds to nanoseconds since 1970, as text. */
const EPOCH = /^1\d{9}(?:\.\d+|\d{3}|\d{6}|\d{9})?$/;
/** A word or a dotted name, without a run of digits that may be an id. */
const CONSTANT = /^(?!.*\d{4})[A-Za-z][\w.:-]{0,63}$/;

/** What of a URL may stay. */
export interface OwnUrls {
  /** The origin of the vendor, and the one that is written in its place. */
  readonly origin: string;
  readonly writtenOrigin: string;
  /** Segments of paths that the definition itself asks for. */
  readonly segments: ReadonlySet<string>;
}

/** Replaces what may be personal or secret in the answers of a vendor. */
export class Anonymiser {
  readonly #standIns: StandIns;
  readonly #urls: OwnUrls;

  constructor(standIns: StandIns, urls: OwnUrls) {
    this.#standIns = standIns;
    this.#urls = urls;
  }

  /** A value of JSON. `name`: the member that it stands in. */
  value(value: unknown, name = ''): unknown {
    const word = snakeCase(name);
    if (typeof value === 'string')
      return ENUMERATION.test(word) && CONSTANT.test(value) ? value : this.text(value);
    if (typeof value === 'number' || typeof value === 'bigint') return this.#number(value, word);
    if (Array.isArray(value)) return value.map((one) => this.value(one, name));
    if (typeof value !== 'object' || value === null) return value;
    const members = Object.entries(value).map(([key, member]) => [this.#key(key), this.value(member, key)]);
    return Object.fromEntries(members) as unknown;
  }

  /** A text of any kind: times stay, URLs keep what the definition asks for itself. */
  text(value: string): string {
    if (value === '' || TIME.test(value) || HTTP_DATE.test(value) || EPOCH.test(value)) return value;
    const url = /^https?:\/\//i.test(value) ? URL.parse(value) : null;
    return url === null ? this.#standIns.text(value) : this.#url(url);
  }

  /** The value of a response header: URLs in it, or one text. */
  header(value: string): string {
    if (/^\d{1,10}$/.test(value)) return value;
    if (!value.includes('<')) return this.text(value);
    return value.replaceAll(/<([^>]*)>/g, (_, target: string) => `<${this.#reference(target)}>`);
  }

  #reference(target: string): string {
    const url = URL.parse(target, this.#urls.origin);
    if (url === null) return this.#standIns.text(target);
    const written = this.#url(url);
    return /^https?:/i.test(target) ? written : written.slice(this.#urls.writtenOrigin.length);
  }

  #url({ origin, protocol, hostname, pathname, searchParams }: URL): string {
    const { origin: own, writtenOrigin, segments } = this.#urls;
    const isOwn = origin === own;
    const path = pathname
      .split('/')
      .map((segment) =>
        segment === '' || (isOwn && segments.has(segment)) ? segment : this.#segment(segment),
      )
      .join('/');
    const query = new URLSearchParams(
      [...searchParams].map(([name, value]): [string, string] => [name, this.#parameter(value)]),
    );
    const home = isOwn ? writtenOrigin : `${protocol}//${this.#standIns.text(hostname)}`;
    return `${home}${path}${query.size === 0 ? '' : `?${query.toString()}`}`;
  }

  #segment(segment: string): string {
    let text = segment;
    try {
      text = decodeURIComponent(segment);
    } catch {
      // It is no encoded text, so it is replaced as it stands.
    }
    return encodeURIComponent(this.text(text));
  }

  /** Sizes and page numbers stay. */
  #parameter(value: string): string {
    return /^(?:\d{1,4}|true|false)$/.test(value) ? value : this.text(value);
  }

  /** A map may have ids or addresses as its keys. */
  #key(key: string): string {
    return /^[A-Za-z@$_][\w@$.-]*$/.test(key) && !/\d{4}|@.+\.|-.*\d/.test(key) ? key : this.text(key);
  }

  #number(value: number | bigint, word: string): number | bigint {
    const isTime = EPOCH.test(String(value));
    const isLarge = typeof value === 'bigint' && !isTime;
    if (!isLarge && !IDENTIFYING_NUMBER.test(word)) return value;
    const made = this.#standIns.integer(typeof value === 'number' ? Math.trunc(value) : value);
    return typeof value === 'number' ? Number(made) : made;
  }
}

/** `actorId`, `actor-id` and `ActorID` are `actor_id`. */
function snakeCase(name: string): string {
  return name
    .replaceAll(/([a-z\d])([A-Z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z\d]+/g, '_')
    .toLowerCase();
}
