/** A statement without what differs from one use to the next: numbers of parameters and of rows. */
export function shapeOf(sql: string): string {
  return sql
    .replaceAll('"', '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\$?\d+/g, '?')
    .replaceAll(/(\([^()]*\))(?:, ?\1)+/g, '$1')
    .trim();
}
