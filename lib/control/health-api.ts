/** What the API offers of health checking and administration; HealthController has it. */
import type { AdminState, HealthEvent, HealthReport } from '../model/health-state.ts';
import type { ServiceId } from '../model/virtual-service.ts';

export interface AdminRequest {
  readonly id: ServiceId;
  readonly address: string;
  readonly port: number;
  /** What is left out stays as it is. */
  readonly state?: AdminState['state'];
  /** null: the configured weight again. */
  readonly weight?: number | null;
  readonly checks?: AdminState['checks'];
}

export interface HealthApi {
  report(): HealthReport;
  /** Returns how to stop. */
  subscribe(listener: (event: HealthEvent) => void): () => void;
  /** LvsError when there is no such service or destination. */
  administer(request: AdminRequest): Promise<AdminState>;
}
