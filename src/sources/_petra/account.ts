import type { EcsValue } from '../../core/event.ts';

/** A user principal name, split as ECS has it: `user.name` and `user.domain`. */
export function principalFields(
  userPrincipalName: string | null | undefined,
): Readonly<Record<string, EcsValue | undefined>> {
  if (typeof userPrincipalName !== 'string') return {};
  const at = userPrincipalName.lastIndexOf('@');
  return {
    'user.name': at < 0 ? userPrincipalName : userPrincipalName.slice(0, at),
    'user.domain': at < 0 ? undefined : userPrincipalName.slice(at + 1),
  };
}
