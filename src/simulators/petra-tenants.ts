import type { Random } from '../core/clock.ts';

/** One customer of the managed service provider whose key is used. */
export interface PetraTenant {
  readonly petraTenantId: string;
  readonly name: string;
  readonly microsoftTenantId: string;
  isPaused: boolean;
  readonly onboardingDate: string;
}

/** The tenants of one organisation; some have left, and some fail. Order of the list = the vendor's: by name. */
export class PetraTenants {
  readonly #tenants: PetraTenant[];
  /** Petra ids of tenants whose requests are answered with this status: 404 for one that was removed a moment ago, 500… */
  readonly failing = new Map<string, number>();

  constructor(tenants: readonly PetraTenant[]) {
    this.#tenants = [...tenants];
  }

  get all(): readonly PetraTenant[] {
    return this.#tenants.toSorted((one, other) => one.name.localeCompare(other.name));
  }

  /** By Petra or Microsoft id. */
  find(id: string): PetraTenant | undefined {
    return this.#tenants.find(({ petraTenantId, microsoftTenantId }) =>
      [petraTenantId, microsoftTenantId].includes(id),
    );
  }

  add(tenant: PetraTenant): void {
    this.#tenants.push(tenant);
  }

  /** The tenant leaves the organisation: it is no longer listed, and asking for it is a 404. */
  remove(id: string): void {
    const at = this.#tenants.findIndex(({ petraTenantId }) => petraTenantId === id);
    if (at >= 0) this.#tenants.splice(at, 1);
  }
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const NAMES = ['Acme', 'Globex', 'Initech', 'Umbra', 'Hooli', 'Stark', 'Wayne', 'Wonka', 'Tyrell', 'Soylent'];

/** `count` tenants, onboarded long ago; the same ones for the same `random`. */
export function drawTenants(random: Random, count: number): PetraTenant[] {
  return Array.from({ length: count }, (_, index) => ({
    petraTenantId: Array.from({ length: 6 }, () => LETTERS[Math.floor(random() * LETTERS.length)]).join(''),
    name: `${NAMES[index % NAMES.length]} ${index + 1}`,
    microsoftTenantId: drawUuid(random),
    isPaused: false,
    onboardingDate: '2025-01-15T09:00:00.000Z',
  }));
}

/** A random UUID (version 4). */
export function drawUuid(random: Random): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}
