/** Up to this many forms are compared one by one; more are split by their next characters. */
const MAX_UNSPLIT = 16;

/** How many characters a level of the index distinguishes. */
const STEP = 4;

/**
 * An index of forms by their beginnings. Finding the longest form at a place takes time that depends on its length, not on
 * the number of forms (hundreds of tokens may begin alike).
 */
export class FormIndex {
  readonly #depth: number;
  /** All forms; with children, those too short for one. */
  readonly #forms: string[] = [];
  #children: Map<number, FormIndex> | undefined;

  constructor(depth = 0) {
    this.#depth = depth;
  }

  add(form: string): void {
    if (this.#children === undefined) this.#forms.push(form);
    else this.#addBelow(this.#children, form);
    if (this.#children !== undefined || this.#forms.length <= MAX_UNSPLIT) return;
    this.#children = new Map();
    for (const moved of this.#forms.splice(0)) this.#addBelow(this.#children, moved);
  }

  remove(form: string): void {
    const at = this.#forms.indexOf(form);
    if (at !== -1) this.#forms.splice(at, 1);
    else if (this.#children !== undefined) this.#removeBelow(this.#children, form);
  }

  /** The length of the longest form at that place; 0 without one. `isCut`: see `Masking.mask`. */
  lengthAt(text: string, at: number, isCut: boolean): number {
    const rest = text.length - at;
    if (isCut && rest < this.#depth + STEP && this.#someBeginWith(text.slice(at))) return rest;
    let longest = 0;
    for (const form of this.#forms) {
      if (text.startsWith(form, at)) longest = Math.max(longest, form.length);
      else if (isCut && form.length > rest && form.startsWith(text.slice(at))) return rest;
    }
    const below = this.#children?.get(keyAt(text, at + this.#depth));
    return below === undefined ? longest : Math.max(longest, below.lengthAt(text, at, isCut));
  }

  #addBelow(children: Map<number, FormIndex>, form: string): void {
    if (form.length < this.#depth + STEP) {
      this.#forms.push(form);
      return;
    }
    const key = keyAt(form, this.#depth);
    const child = children.get(key) ?? new FormIndex(this.#depth + STEP);
    children.set(key, child);
    child.add(form);
  }

  #removeBelow(children: Map<number, FormIndex>, form: string): void {
    const key = keyAt(form, this.#depth);
    const child = children.get(key);
    child?.remove(form);
    if (child?.isEmpty === true) children.delete(key);
  }

  get isEmpty(): boolean {
    return this.#forms.length === 0 && (this.#children?.size ?? 0) === 0;
  }

  #someBeginWith(text: string): boolean {
    if (this.#forms.some((form) => form.startsWith(text))) return true;
    return this.#children?.values().some((child) => child.#someBeginWith(text)) === true;
  }
}

/** A hash of the next four characters. */
function keyAt(text: string, at: number): number {
  return (
    text.charCodeAt(at) ^
    (text.charCodeAt(at + 1) << 8) ^
    (text.charCodeAt(at + 2) << 16) ^
    (text.charCodeAt(at + 3) << 24)
  );
}
