import type { CommonOptions } from '../../core/source.ts';
import type { Definition } from './definition.ts';
import { chosenForm } from './options.ts';
import { replacedAt } from './path.ts';
import { optionValues } from './terms.ts';

/** Where a simulated vendor gives tokens or sessions, and its answer. */
export interface TokenPlace {
  readonly path: string;
  readonly body: unknown;
}

/** The token endpoint or the log-in of a definition; undefined when its credential does not expire. */
export function tokenPlace(definition: Definition, options: CommonOptions): TokenPlace | undefined {
  const form = chosenForm(definition, options);
  const variables = { options: optionValues(definition.optionTypes, options) };
  const at = (reference: string) => {
    const base = new URL(options.base_url);
    return URL.parse(reference)?.pathname ?? `${base.pathname.replace(/\/$/, '')}${reference}`;
  };
  if (form?.oauth2 !== undefined)
    return {
      path: at(form.oauth2.tokenUrl.text(variables)),
      body: { access_token: 'simulated-token', token_type: 'Bearer', expires_in: 3_600 },
    };
  if (form?.login === undefined) return undefined;
  const { request, token } = form.login;
  return { path: at(request.path.text(variables)), body: replacedAt({}, token, 'simulated-session') };
}
