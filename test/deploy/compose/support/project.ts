import { succeed } from '../../support/run.ts';

/** What of a Compose project the tests look at, as Compose's own loader prints it; paths are absolute. */
export interface ComposeProject {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly volumes: Readonly<Record<string, object>>;
}

export interface ComposeService {
  readonly image: string;
  readonly command: readonly string[] | null;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly ComposeMount[];
  readonly secrets?: readonly { readonly source: string; readonly target: string }[];
  readonly ports?: readonly { readonly host_ip?: string; readonly target: number }[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
}

interface ComposeMount {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly read_only?: boolean;
}

export const COMPOSE_FILE = new URL('../../../../deploy/compose/compose.yaml', import.meta.url).pathname;

/** Loads a Compose file by the program that the recipe `compose` built. Throws with what the loader says of it. */
export async function loadProject(folder: string, file = COMPOSE_FILE): Promise<ComposeProject> {
  return JSON.parse(await succeed(`${folder}/compose-load`, [file])) as ComposeProject;
}
