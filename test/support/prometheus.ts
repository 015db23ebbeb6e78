/**
 * A metric family of an exposition: its type, and the value of each series by its labels, `a="1",b="2"` sorted; of a
 * histogram behind the part that it is, `_count a="1"`.
 */
export interface Exposed {
  readonly type: string;
  readonly series: ReadonlyMap<string, number>;
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (NaN|[+-]Inf|[-+]?[\d.]+(?:e[-+]?\d+)?)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;
const META = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.*)$/;
const HISTOGRAM_PART = /_(bucket|sum|count)$/;
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];

/**
 * Reads the text format of Prometheus, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/), and throws at whatever breaks its rules: each family
 * once, HELP and TYPE before its samples, no series twice, a line feed at the end.
 */
export function parsePrometheus(text: string): ReadonlyMap<string, Exposed> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Exposed & { readonly series: Map<string, number> }>();
  const helped = new Set<string>();
  let current = '';
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [, kind, name = '', rest = ''] = META.exec(line) ?? [];
    if (kind === 'HELP') {
      if (helped.has(name)) throw new Error(`HELP of ${name} comes twice`);
      helped.add(name);
    } else if (kind === 'TYPE') {
      if (families.has(name)) throw new Error(`${name} comes twice`);
      if (!TYPES.includes(rest)) throw new Error(`${name} has no known type: ${rest}`);
      families.set(name, { type: rest, series: new Map() });
      current = name;
    } else if (!line.startsWith('#')) addSample(families, current, line);
  }
  return families;
}

function addSample(
  families: Map<string, { readonly type: string; readonly series: Map<string, number> }>,
  current: string,
  line: string,
) {
  const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? [];
  if (name === '') throw new Error(`no sample: ${line}`);
  const family = families.get(current);
  const part = family?.type === 'histogram' ? HISTOGRAM_PART.exec(name)?.[0] : '';
  if (part === undefined || name !== current + part)
    throw new Error(`a sample of ${name} among those of ${current}`);
  const key = `${part} ${labelsOf(labels).toSorted().join(',')}`.trimStart();
  const series = family?.series ?? new Map<string, number>();
  if (series.has(key)) throw new Error(`the series ${name}{${key}} comes twice`);
  series.set(key, Number(value.replace('Inf', 'Infinity')));
}

function labelsOf(text: string): string[] {
  const labels: string[] = [];
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const found = LABEL.exec(text);
    if (found === null) throw new Error(`no labels: ${text}`);
    labels.push(`${found[1]}="${found[2]}"`);
  }
  return labels;
}
