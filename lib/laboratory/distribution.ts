/** Distributions of times and counts: as a scenario names them, their mean, and a sampler that draws without allocating. */

export type Distribution =
  | { readonly kind: 'deterministic'; readonly mean: number }
  | { readonly kind: 'exponential'; readonly mean: number }
  /** `cv`: coefficient of variation, standard deviation over mean. */
  | { readonly kind: 'lognormal'; readonly mean: number; readonly cv: number }
  /** Two exponentials with balanced means, cv > 1: most are short, a few are long. */
  | { readonly kind: 'hyperexponential'; readonly mean: number; readonly cv: number }
  /** Unbounded, 1 < shape; below 2 its variance is infinite. */
  | { readonly kind: 'pareto'; readonly mean: number; readonly shape: number }
  | { readonly kind: 'bounded-pareto'; readonly least: number; readonly most: number; readonly shape: number }
  /** Whole numbers from 1. */
  | { readonly kind: 'geometric'; readonly mean: number };

export const DISTRIBUTION_KINDS = ['deterministic', 'exponential', 'lognormal', 'hyperexponential', 'pareto', 'bounded-pareto', 'geometric'] as const;

/** Uniform in [0, 1). */
export interface Uniform { next(): number }

export type Sampler = (uniform: Uniform) => number;

export function meanOf(of: Distribution): number {
  if (of.kind !== 'bounded-pareto') return of.mean;
  const { least: l, most: h, shape: a } = of;
  if (a === 1) return (Math.log(h / l) * h * l) / (h - l);
  return ((l ** a / (1 - (l / h) ** a)) * a * (l ** (1 - a) - h ** (1 - a))) / (a - 1);
}

export function sampler(of: Distribution): Sampler {
  switch (of.kind) {
    case 'deterministic': return () => of.mean;
    case 'exponential': return (uniform) => -of.mean * Math.log(1 - uniform.next());
    case 'lognormal': {
      const sigma = Math.sqrt(Math.log(1 + of.cv * of.cv));
      const mu = Math.log(of.mean) - (sigma * sigma) / 2;
      return (uniform) => Math.exp(mu + sigma * normal(uniform));
    }
    case 'hyperexponential': {
      const square = of.cv * of.cv;
      const often = (1 + Math.sqrt((square - 1) / (square + 1))) / 2;
      const short = of.mean / (2 * often), long = of.mean / (2 * (1 - often));
      return (uniform) => -(uniform.next() < often ? short : long) * Math.log(1 - uniform.next());
    }
    case 'pareto': {
      const least = (of.mean * (of.shape - 1)) / of.shape;
      return (uniform) => least / (1 - uniform.next()) ** (1 / of.shape);
    }
    case 'bounded-pareto': {
      const { least, most, shape } = of;
      const tail = 1 - (least / most) ** shape;
      return (uniform) => least / (1 - uniform.next() * tail) ** (1 / shape);
    }
    case 'geometric': {
      if (of.mean <= 1) return () => 1;
      const log = Math.log(1 - 1 / of.mean);
      return (uniform) => 1 + Math.floor(Math.log(1 - uniform.next()) / log);
    }
  }
}

/** Box and Muller, one of the pair. */
function normal(uniform: Uniform): number {
  return Math.sqrt(-2 * Math.log(1 - uniform.next())) * Math.cos(2 * Math.PI * uniform.next());
}
