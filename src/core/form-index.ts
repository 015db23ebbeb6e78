/** As many forms are compared one by one; more are told apart by their next characters. */
const FEW = 16;

/** Characters that are told apart in one step. */
const STEP = 4;

/**
 * Texts by their beginnings: finds the longest that stands at a place in time that grows with its length, not with how
 * many there are (hundreds of tokens begin alike).
 */
export class FormIndex {
  readonly #depth: number;
  /** All of them, or when there are children, those too short to be in one. */
  readonly #forms: string[] = [];
  #children: Map<number, FormIndex> | undefined;

  constructor(depth = 0) {
    this.#depth = depth;
  }

  add(form: string): void {
    if (this.#children === undefined) this.#forms.push(form);
    else this.#addBelow(this.#children, form);
    if (this.#children !== undefined || this.#forms.length <= FEW) return;
    this.#children = new Map();
    for (const moved of this.#forms.splice(0)) this.#addBelow(this.#children, moved);
  }

  /** The length of the longest at that place; 0 when there is none. `isCut`: the end of the text counts as any characters. */
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

  #someBeginWith(text: string): boolean {
    if (this.#forms.some((form) => form.startsWith(text))) return true;
    return this.#children?.values().some((child) => child.#someBeginWith(text)) === true;
  }
}

/** A number by which most that differ in the next four characters differ. */
function keyAt(text: string, at: number): number {
  return (
    text.charCodeAt(at) ^
    (text.charCodeAt(at + 1) << 8) ^
    (text.charCodeAt(at + 2) << 16) ^
    (text.charCodeAt(at + 3) << 24)
  );
}
