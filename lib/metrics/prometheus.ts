/** Prometheus text from a snapshot. Counters live in the data plane; each scrape copies their present values into the registry. */
import { Counter, Gauge, Registry } from 'prom-client';
import { METRICS, type MetricDefinition, type MetricsSnapshot } from './definitions.ts';

export class PrometheusMetrics {
  readonly #registry = new Registry();
  readonly #metrics: readonly (readonly [MetricDefinition, Counter | Gauge])[];
  readonly #snapshot: () => Promise<MetricsSnapshot>;
  /** Scrapes run one after the other: they share the registry. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(snapshot: () => Promise<MetricsSnapshot>) {
    this.#snapshot = snapshot;
    this.#metrics = METRICS.map((definition) => {
      const { name, help, labels } = definition;
      const configuration = { name, help, labelNames: [...labels], registers: [this.#registry] };
      return [definition, definition.type === 'counter' ? new Counter(configuration) : new Gauge(configuration)] as const;
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  render(): Promise<string> {
    const text = this.#tail.then(() => this.#render());
    this.#tail = text.catch(() => undefined);
    return text;
  }

  async #render(): Promise<string> {
    const snapshot = await this.#snapshot();
    for (const [definition, metric] of this.#metrics) {
      // A metric without labels starts at 0 after reset(); one with labels starts empty, so that removed services vanish.
      metric.reset();
      for (const [labels, value] of definition.samples(snapshot)) metric.inc(labels, value);
    }
    return this.#registry.metrics();
  }
}
