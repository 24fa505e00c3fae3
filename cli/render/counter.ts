/** Counters and rates as --stats and --rate print them (print_largenum of ipvsadm): nine columns, K, M, G and T by thousands. */
const STEPS: readonly (readonly [limit: bigint, divisor: bigint, unit: string])[] = [
  [10n ** 9n, 10n ** 3n, 'K'],
  [10n ** 11n, 10n ** 6n, 'M'],
  [10n ** 14n, 10n ** 9n, 'G'],
];
const LARGEST = [10n ** 12n, 'T'] as const;
const PLAIN_BELOW = 100_000_000;

/** `exact`: all digits, however wide. */
export function counterText(value: number | bigint, exact: boolean): string {
  if (exact || value < PLAIN_BELOW) return ` ${String(value).padStart(8)}`;
  const whole = BigInt(value);
  const [divisor, unit] = STEPS.find(([limit]) => whole < limit)?.slice(1) as [bigint, string] | undefined ?? LARGEST;
  return `${String(whole / divisor).padStart(8)}${unit}`;
}
