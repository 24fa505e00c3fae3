/** Medians, and ratios of figures that were taken in the same round. */
import { median } from '../median.ts';

export interface Spread { readonly median: number; readonly least: number; readonly most: number }

export function spread(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}
