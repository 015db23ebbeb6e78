import type { CommonOptions, Source } from '../../core/source.ts';
import type { Definition } from './definition.ts';
import { chosenForm } from './options.ts';
import { buildHeaders } from './request.ts';
import { optionValues } from './terms.ts';

/** How a source authenticates. */
export function authorisationOf(
  definition: Definition,
  options: CommonOptions,
): ReturnType<Source['authorise']> {
  const form = chosenForm(definition, options);
  if (form === undefined) return {};
  const variables = { options: optionValues(definition.optionTypes, options) };
  const headers = buildHeaders(form.headers, variables);
  if (form.bearer !== undefined) headers['authorization'] = `Bearer ${form.bearer.text(variables)}`;
  if (form.basic !== undefined) {
    const { username, password } = form.basic;
    const pair = `${username.text(variables)}:${password.text(variables)}`;
    headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`;
  }
  return headers;
}
