/** Keywords that services, servers and checkers share. */
import type { KeywordTable } from './block-parser.ts';
import type { Timing } from './draft.ts';
import { UINT32_MAX, type Values } from './values.ts';

/** NB: alpha of a service takes no word (anything behind it is not looked at); see service-keywords.ts. Only a checker may have retry 0. */
export function timingKeywords(subject: () => Timing, values: Values, leastRetries: 0 | 1): KeywordTable {
  return {
    alpha: { read: (line) => { const on = values.flag(line); if (on !== null) subject().alpha = on; } },
    connect_timeout: { read: (line) => { const value = values.seconds(line, 1, 0.000001); if (value !== null) subject().connectTimeoutSec = value; } },
    retry: { read: (line) => { const value = values.unsigned(line, 1, leastRetries, UINT32_MAX, { lenient: leastRetries === 0 }); if (value !== null) subject().retries = value; } },
    delay_before_retry: { read: (line) => { const value = values.seconds(line, 1); if (value !== null) subject().delayBeforeRetrySec = value; } },
    warmup: { read: (line) => { const value = values.seconds(line, 1); if (value !== null) subject().warmupSec = value; } },
    delay_loop: { read: (line) => { const value = values.seconds(line, 1, 0.000001); if (value !== null) subject().delayLoopSec = value; } },
  };
}
