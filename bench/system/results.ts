/** What a run found: for each contender and measure one value a round. A value that could not be taken is NaN, so that rounds stay aligned. */
import type { MeasureName, Reading } from './measures.ts';

export class Results {
  readonly #values = new Map<string, Map<MeasureName, number[]>>();

  constructor(contenders: readonly string[]) {
    for (const name of contenders) this.#values.set(name, new Map());
  }

  get contenders(): string[] {
    return [...this.#values.keys()];
  }

  record(contender: string, round: number, reading: Reading): void {
    const of = this.#values.get(contender)!;
    for (const [measure, value] of Object.entries(reading) as [MeasureName, number][]) {
      const values = of.get(measure) ?? [];
      while (values.length < round) values.push(NaN);
      values[round] = value;
      of.set(measure, values);
    }
  }

  /** One value a round; empty where the contender was not measured so. */
  rounds(contender: string, measure: MeasureName): readonly number[] {
    return this.#values.get(contender)?.get(measure) ?? [];
  }

  values(contender: string, measure: MeasureName): number[] {
    return this.rounds(contender, measure).filter(Number.isFinite);
  }

  has(measure: MeasureName): boolean {
    return this.contenders.some((name) => this.values(name, measure).length > 0);
  }

  toJSON(): unknown {
    return Object.fromEntries([...this.#values].map(([name, of]) => [name, Object.fromEntries(of)]));
  }
}
