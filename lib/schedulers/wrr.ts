/**
 * Weighted round robin (kernel: ip_vs_wrr.c). The list is walked in passes; a pass takes every destination whose weight is at
 * least the current weight `cw`. Passes go from the greatest weight down in steps of the greatest common divisor of all weights;
 * both ends are lowered by (step - 1), so that the last pass has cw = 1. A destination of weight w is thus picked w / gcd times a cycle.
 * Any change of the list starts the walk at its head; cw stays where it was as far as the new weights allow.
 */
import { IndexedList } from './indexed-list.ts';
import { destinationLabel, unavailableBecause, weightToCompete } from './load.ts';
import { ReachTree } from './reach-tree.ts';
import type { SchedulerDestination, SchedulerEnvironment, SchedulerService } from './scheduler.ts';

export class WeightedRoundRobin<D extends SchedulerDestination> extends IndexedList<D> {
  readonly name = 'wrr';
  /** Weights of those who can be picked. */
  readonly #weights = new ReachTree();
  /** Position of the last pick, -1 = head. */
  #cursor = -1;
  #currentWeight: number;
  #maxWeight = 0;
  #step = 1;

  constructor(service: SchedulerService<D>, env: SchedulerEnvironment) {
    super(env);
    this.#weigh(service);
    this.#currentWeight = this.#maxWeight;
  }

  schedule(service: SchedulerService<D>): D | null {
    const { destinations } = service;
    if (this.#maxWeight === 0) return null;
    this.refresh(service);
    const start = this.#cursor;
    let position = start;
    let stop = -1;
    let lastPass = false;
    let restarted = false;
    for (;;) {
      const found = this.#weights.next(position + 1, this.#currentWeight);
      // This pass ends with the list, or where there is nothing new to see.
      const within = found >= 0 && (stop < 0 || found <= stop);
      if (this.env.explain !== null) this.#explain(destinations, position + 1, within ? found : stop < 0 ? destinations.length : stop + 1, within);
      if (within) {
        this.#cursor = found;
        return destinations[found] as D;
      }
      if (stop >= 0) {
        this.#cursor = stop;
        return null;
      }
      // Back at the head: the next pass asks for less.
      position = -1;
      this.#currentWeight -= this.#step;
      if (this.#currentWeight <= 0) {
        this.#currentWeight = this.#maxWeight;
        if (lastPass || start < 0) {
          this.#cursor = -1;
          return null;
        }
        restarted = true;
      }
      this.#skipEmptyPasses();
      lastPass = this.#currentWeight <= this.#step;
      // The first pass saw only what follows `start`; this one need not go further than it.
      if (lastPass && restarted && start >= 0) stop = start;
    }
  }

  checkpoint(): () => void {
    const cursor = this.#cursor;
    const currentWeight = this.#currentWeight;
    return () => {
      this.#cursor = cursor;
      this.#currentWeight = currentWeight;
    };
  }

  override added(service: SchedulerService<D>, destination: D): void {
    super.added(service, destination);
    this.#changed(service);
  }

  override removed(service: SchedulerService<D>, destination: D, position: number): void {
    super.removed(service, destination, position);
    this.#changed(service);
  }

  override edited(service: SchedulerService<D>, destination: D): void {
    super.edited(service, destination);
    this.#changed(service);
  }

  protected clear(count: number): void {
    this.#weights.clear(count);
  }

  protected write(place: number, destination: D): void {
    this.#weights.set(place, weightToCompete(destination));
  }

  /** What a pass saw from `begin` on, and whether it ended with a pick at `end`. */
  #explain(destinations: readonly D[], begin: number, end: number, picked: boolean): void {
    const { explain } = this.env;
    for (const destination of destinations.slice(begin, end)) {
      explain?.(`${destinationLabel(destination)} passed over: ${unavailableBecause(destination) || `weight ${destination.weight} below ${this.#currentWeight}`}`);
    }
    const destination = destinations[end];
    if (picked && destination !== undefined) explain?.(`${destinationLabel(destination)} weight ${destination.weight} reaches the current weight ${this.#currentWeight}`);
  }

  /**
   * Lower the current weight at once to where somebody can be picked, in whole steps. Only saves time: with weights of 1 and
   * 2147483647 and the heavy destination overloaded, two thousand million passes would find nobody.
   */
  #skipEmptyPasses(): void {
    const useful = Math.max(1, this.#weights.greatest);
    if (this.#currentWeight > useful) this.#currentWeight -= Math.ceil((this.#currentWeight - useful) / this.#step) * this.#step;
  }

  #changed(service: SchedulerService<D>): void {
    this.#cursor = -1;
    this.#weigh(service);
    if (this.#currentWeight > this.#maxWeight || this.#currentWeight === 0) this.#currentWeight = this.#maxWeight;
    else if (this.#step > 1) this.#currentWeight = Math.trunc(this.#currentWeight / this.#step) * this.#step + 1;
  }

  #weigh(service: SchedulerService<D>): void {
    let divisor = 0;
    let most = 0;
    for (const { weight } of service.destinations) {
      if (weight > 0) divisor = greatestCommonDivisor(weight, divisor);
      if (weight > most) most = weight;
    }
    this.#step = divisor || 1;
    this.#maxWeight = most - (this.#step - 1);
  }
}

/** Euclid; gcd(a, 0) = a. */
export function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
