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

/** Files and how to read them. */
export interface ConfigurationSource {
  /** Absolute, as the director sees them; several are read as one (haproxy). */
  readonly files: readonly string[];
  /** Format; told from content and name if missing. */
  readonly from?: string;
  /** haproxy: the virtual address of listeners that name none. */
  readonly vip?: string;
  /** keepalived: what @NAME lines are for. */
  readonly configId?: string;
}

export interface ConfigureRequest extends ConfigurationSource {
  /** Services that no configuration has stay. */
  readonly keep: boolean;
  /** Only say what it would take. */
  readonly dryRun: boolean;
}

export interface HealthApi {
  /** Whether a configuration file says what this service holds. */
  manages(id: ServiceId): boolean;
  report(): HealthReport;
  /** Returns how to stop. */
  subscribe(listener: (event: HealthEvent) => void): () => void;
  /** LvsError when there is no such service or destination. */
  administer(request: AdminRequest): Promise<AdminState>;
}
