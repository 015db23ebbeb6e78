import type { Figure } from './measure.ts';

/** What is compared: the floor, or Penstock in one profile; in one encoding and compression. */
export interface Variant {
  readonly tool: 'floor' | 'penstock';
  /** The floor sends what `attributes` sends. */
  readonly profile: (typeof PROFILES)[number];
  readonly encoding: 'protobuf' | 'json';
  readonly compression: 'gzip' | 'none';
}

/** What a variant cost in all its runs. */
export interface VariantCost extends Variant {
  /** Microseconds of CPU time a record. */
  readonly cpu: Figure;
  /** Records a second, from the start of the process to its end. */
  readonly rate: Figure;
  readonly peakMiB: Figure;
  /** CPU time and rate, divided by those of the floor with the same encoding and compression. */
  readonly cpuRatio: number;
  readonly rateRatio: number;
  /** Bytes of a record on the wire. */
  readonly wireBytes: number;
}

const PROFILES = ['attributes', 'elastic-ecs', 'elastic-bodymap', 'json-body'] as const;

/** All that is measured, each floor before what is compared with it. */
export const VARIANTS: readonly Variant[] = (['protobuf', 'json'] as const).flatMap((encoding) =>
  (['gzip', 'none'] as const).flatMap((compression) => [
    { tool: 'floor' as const, profile: 'attributes' as const, encoding, compression },
    ...PROFILES.map((profile) => ({ tool: 'penstock' as const, profile, encoding, compression })),
  ]),
);

/** `penstock attributes protobuf gzip` */
export function nameOf({ tool, profile, encoding, compression }: Variant): string {
  return [tool, ...(tool === 'floor' ? [] : [profile]), encoding, compression].join(' ');
}

/** Whether a variant is the floor that another is compared with. */
export function isFloorOf(floor: Variant, { encoding, compression }: Variant): boolean {
  return floor.tool === 'floor' && floor.encoding === encoding && floor.compression === compression;
}
