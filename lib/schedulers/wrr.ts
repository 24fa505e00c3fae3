/**
 * Weighted round robin (kernel: ip_vs_wrr.c). The list is walked in passes; a pass takes every destination whose weight is at
 * least the current weight `cw`. Passes go from the greatest weight down in steps of the greatest common divisor of all weights;
 * both ends are lowered by (step - 1), so that the last pass has cw = 1. A destination of weight w is thus picked w / gcd times a cycle.
 * Any change of the list starts the walk at its head; cw stays where it was as far as the new weights allow.
 */
import { destinationLabel, unavailableBecause } from './load.ts';
import type { Scheduler, SchedulerDestination, SchedulerEnvironment, SchedulerService } from './scheduler.ts';

export class WeightedRoundRobin<D extends SchedulerDestination> implements Scheduler<D> {
  readonly name = 'wrr';
  readonly #env: SchedulerEnvironment;
  /** Position of the last pick, -1 = head. */
  #cursor = -1;
  #currentWeight: number;
  #maxWeight = 0;
  #step = 1;

  constructor(service: SchedulerService<D>, env: SchedulerEnvironment) {
    this.#env = env;
    this.#weigh(service);
    this.#currentWeight = this.#maxWeight;
  }

  schedule(service: SchedulerService<D>): D | null {
    const { destinations } = service;
    const { explain } = this.#env;
    if (this.#maxWeight === 0) return null;
    const start = this.#cursor;
    let position = start;
    let stop = -1;
    let lastPass = false;
    let restarted = false;
    for (;;) {
      while (++position < destinations.length) {
        const destination = destinations[position] as D;
        if (!destination.overloaded && destination.weight >= this.#currentWeight) {
          explain?.(`${destinationLabel(destination)} weight ${destination.weight} reaches the current weight ${this.#currentWeight}`);
          this.#cursor = position;
          return destination;
        }
        explain?.(`${destinationLabel(destination)} passed over: ${unavailableBecause(destination) || `weight ${destination.weight} below ${this.#currentWeight}`}`);
        if (position === stop) {
          this.#cursor = position;
          return null;
        }
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
      this.#skipEmptyPasses(destinations);
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

  added(service: SchedulerService<D>): void {
    this.#changed(service);
  }

  removed(service: SchedulerService<D>): void {
    this.#changed(service);
  }

  edited(service: SchedulerService<D>): void {
    this.#changed(service);
  }

  expire(): void {}

  /**
   * Lower the current weight at once to where somebody can be picked, in whole steps. Only saves time: with weights of 1 and
   * 2147483647 and the heavy destination overloaded, two thousand million passes would find nobody.
   */
  #skipEmptyPasses(destinations: readonly D[]): void {
    let useful = 1;
    for (const { weight, overloaded } of destinations) if (!overloaded && weight > useful) useful = weight;
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
