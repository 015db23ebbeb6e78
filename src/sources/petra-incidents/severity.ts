/** Elastic Security's scale, by what is left to do. */
const [LOW, MEDIUM, HIGH, CRITICAL] = [21, 47, 73, 99] as const;

const SEVERITIES: Readonly<Record<string, number>> = {
  UNREMEDIATED: CRITICAL,
  ATTACKER_RETAINS_PASSWORD: CRITICAL,
  PARTIALLY_REMEDIATED: HIGH,
  LOCKED_AWAITING_PASSWORD_RESET: HIGH,
  UNCOVERED_IN_BASELINING: HIGH,
  REMEDIATED: MEDIUM,
  REMEDIATED_PRIOR_TO_ONBOARDING: MEDIUM,
  INCORRECT: LOW,
  PEN_TEST: LOW,
};

/** `event.severity` of a remediation status; one that we do not know, or cannot read, is high until somebody has looked. */
export function severityOf(remediationStatus: string | null | undefined): number {
  if (typeof remediationStatus !== 'string') return HIGH;
  return Object.hasOwn(SEVERITIES, remediationStatus) ? (SEVERITIES[remediationStatus] ?? HIGH) : HIGH;
}
