import type { Told } from '../deliver/delivery-parts.ts';

/** What this process has seen of one destination; counts for metrics. Told by the delivery. */
export class DestinationWatch {
  readonly answers: Record<Told['answer'], number> = { acknowledge: 0, wait: 0, pause: 0, bisect: 0 };
  delivered = 0;
  deadLetters = 0;

  answer({ answer, delivered }: Told): void {
    this.answers[answer] += 1;
    this.delivered += delivered;
  }

  laidAside(count: number): void {
    this.deadLetters += count;
  }
}
