import { mask } from '../core/secret.ts';
import { printable } from '../core/printable.ts';

/** Markup that is safe to show: only `html` and `joined` make it. */
export interface Html {
  readonly markup: string;
}

/** What a template may hold: text, which is escaped, or markup. Undefined and false are nothing. */
type Part = string | number | Html | readonly Html[] | undefined | false;

/**
 * Markup from a template. Text in it comes from configuration, vendors and receivers: secrets in it are masked, what
 * would act on a terminal or turn the direction of text is written as an escape, and nothing of it becomes markup.
 */
export function html(template: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const markup = template.map((text, index) => `${text}${markupOf(parts[index])}`).join('');
  return { markup };
}

/** Markup with other markup between its parts. */
export function joined(parts: readonly Html[], between: Html): Html {
  return { markup: parts.map(({ markup }) => markup).join(between.markup) };
}

function markupOf(part: Part): string {
  if (part === undefined || part === false) return '';
  if (typeof part === 'string' || typeof part === 'number') return escapeHtml(String(part));
  return 'markup' in part ? part.markup : part.map(({ markup }) => markup).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return printable(mask(text)).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
