import t from 'tap';
import { PrometheusMetrics } from '../../lib/metrics/prometheus.ts';
import { MetricsServer, parseMetricsAddress } from '../../lib/metrics/http.ts';
import type { HealthReport } from '../../lib/model/health-state.ts';
import type { MetricsSnapshot } from '../../lib/metrics/definitions.ts';
import { DROP, DROP_REASONS } from '../../lib/model/drop-reason.ts';
import { IPIP_TUNNEL } from '../../lib/model/destination.ts';
import { ZERO_STATS } from '../../lib/model/stats.ts';
import { serviceKey, type ServiceId } from '../../lib/model/virtual-service.ts';

const HEALTH: HealthReport = {
  source: 'keepalived.conf', foreignChanges: 2, lostNotifications: 3, refusedReload: null, timeline: [], probes: { monitors: 1, running: 0, passed: 9, failed: 4 },
  services: [{
    name: 'web', ids: [{ kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 }], quorumUp: false, liveWeight: 0, quorum: 1, hysteresis: 0, arithmetic: '', panic: false,
    sorryServer: { address: '10.1.0.9', port: 80, inUse: true },
    servers: [{
      address: '10.1.0.1', port: 80, up: false, configuredWeight: 1, weight: null, admin: { state: 'drained', weight: null, checks: 'automatic' }, load: null,
      checks: [{
        name: 'TCP_CHECK', kind: 'tcp', target: '10.1.0.1:80', up: false, hasRun: true, intervalSec: 5, passed: 9, failed: 4, retry: 0, retries: 1, successes: 0, successesNeeded: 1,
        results: [{ timeMs: 1, latencyMs: 250, ok: false, error: 'connection refused', transition: 'down' }],
      }],
    }],
  }],
};

function snapshot(ids: readonly ServiceId[], conns: number): MetricsSnapshot {
  const stats = { ...ZERO_STATS, conns, inPkts: 9007199254740991, cps: 7 };
  const run = { address: '10.1.0.1', port: 8080, activeConns: 3, inactiveConns: 4, persistentConns: 1, overloaded: true, stats };
  const services = ids.map((id) => ({
    service: { id, scheduler: 'wlc', schedFlags: 0, persistenceSec: 0, persistenceMask: '255.255.255.255', persistenceEngine: null, onePacket: false },
    run: { key: serviceKey(id), stats, destinations: [run] },
    destinations: [{ destination: { address: '10.1.0.1', port: 8080, method: 'masq' as const, tunnel: IPIP_TUNNEL, weight: 5, upperThreshold: 0, lowerThreshold: 0 }, run }],
  }));
  const drops = DROP_REASONS.map(() => 0);
  drops[DROP.noDestination] = 11;
  return {
    version: '1.2.3', services, health: HEALTH, devices: [{ interface: 'eth0', device: 'packet', received: 1, transmitted: 2, receiveDrops: 3, transmitDrops: 4 }],
    stats: {
      services: services.map(({ run }) => run), total: stats, drops, passed: 1, received: 2, transmitted: 3, connections: 7, maxConnections: 8, templates: 1,
      connectionsByState: { 'tcp ESTABLISHED': 3 }, fragmentBytes: 0, workers: [{ frames: 5, bytes: 500, fast: 4, handedOver: 0, lost: 0, passed: 0, cpuMs: 1500 }, { frames: 9, bytes: 900, fast: 6, handedOver: 3, lost: 1, passed: 0, cpuMs: 250 }], bursts: 5, largestBurst: 6, longestBurstMs: 500,
    },
  };
}

const HTTP: ServiceId = { kind: 'address', protocol: 'tcp', address: '192.0.2.10', port: 80 };
const MARK: ServiceId = { kind: 'fwmark', fwmark: 0x10001000, family: 4 };

t.test('names and labels are those of node_exporter\'s ipvs collector', async (t) => {
  const text = await new PrometheusMetrics(async () => snapshot([HTTP, MARK], 42)).render();
  const lines = text.split('\n');
  const labels = 'local_address="192.0.2.10",local_port="80",proto="TCP",local_mark="",remote_address="10.1.0.1",remote_port="8080"';
  for (const line of [
    'node_ipvs_connections_total 42',
    'node_ipvs_incoming_packets_total 9007199254740991',
    `node_ipvs_backend_connections_active{${labels}} 3`,
    `node_ipvs_backend_connections_inactive{${labels}} 4`,
    `node_ipvs_backend_weight{${labels}} 5`,
    'node_ipvs_backend_connections_active{local_address="",local_port="0",proto="FWM",local_mark="10001000",remote_address="10.1.0.1",remote_port="8080"} 3',
    'tsipvs_drops_total{reason="noDestination"} 11',
    'tsipvs_worker_fast_frames_total{worker="0"} 4',
    'tsipvs_worker_handed_over_frames_total{worker="1"} 3',
    'tsipvs_worker_lost_frames_total{worker="1"} 1',
    'tsipvs_connections_by_state{proto="TCP",state="ESTABLISHED"} 3',
    'tsipvs_loop_longest_round_seconds 0.5',
    'tsipvs_device_receive_drops_total{interface="eth0",device="packet"} 3',
    'tsipvs_build_info{version="1.2.3"} 1',
    'tsipvs_health_probes_failed_total 4',
    'tsipvs_foreign_changes_total 2',
    'tsipvs_service_quorum_up{local_address="192.0.2.10",local_port="80",proto="TCP",local_mark=""} 0',
    'tsipvs_server_drained{local_address="192.0.2.10",local_port="80",proto="TCP",local_mark="",remote_address="10.1.0.1",remote_port="80"} 1',
    'tsipvs_check_latency_seconds{local_address="192.0.2.10",local_port="80",proto="TCP",local_mark="",remote_address="10.1.0.1",remote_port="80",check="TCP_CHECK",number="0"} 0.25',
  ]) t.ok(lines.includes(line), line);
  t.ok(lines.includes('# TYPE node_ipvs_connections_total counter'));
});

t.test('a second scrape shows present values, and what was removed is gone', async (t) => {
  const answers = [snapshot([HTTP], 42), snapshot([], 41)];
  const metrics = new PrometheusMetrics(async () => answers.shift()!);
  const [first, second] = await Promise.all([metrics.render(), metrics.render()]);
  t.match(first, /^node_ipvs_connections_total 42$/m);
  t.match(first, /^node_ipvs_backend_weight\{/m);
  t.match(second, /^node_ipvs_connections_total 41$/m);
  t.notMatch(second, /^node_ipvs_backend_weight\{/m);
});

t.test('the metrics address is PORT, ADDR:PORT or [ADDR]:PORT, on 127.0.0.1 unless said otherwise', async (t) => {
  t.same(parseMetricsAddress('9117'), { host: '127.0.0.1', port: 9117 });
  t.same(parseMetricsAddress('0.0.0.0:80'), { host: '0.0.0.0', port: 80 });
  t.same(parseMetricsAddress('[::1]:80'), { host: '::1', port: 80 });
  for (const bad of ['', 'x', '65536', '::1:80', '[1.2.3.4]:80', ':80', '-1']) t.equal(parseMetricsAddress(bad), null, bad);
});

t.test('the server serves /metrics, links to it from /, and names an address in use', async (t) => {
  const metrics = new PrometheusMetrics(async () => snapshot([HTTP], 1));
  const server = new MetricsServer(metrics);
  const port = await server.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  const scrape = await fetch(`http://127.0.0.1:${port}/metrics`);
  t.equal(scrape.status, 200);
  t.match(scrape.headers.get('content-type'), 'text/plain');
  t.match(await scrape.text(), /node_ipvs_connections_total 1/);
  t.match(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'href="/metrics"');
  t.equal((await fetch(`http://127.0.0.1:${port}/else`)).status, 404);
  t.equal((await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'POST' })).status, 405);
  await t.rejects(new MetricsServer(metrics).listen({ host: '127.0.0.1', port }), { message: new RegExp(`127.0.0.1:${port} is in use`) });
});
