/** The demonstration without root: the same rounds, commands, table and verdicts, on simulated networks around the real data plane. */
import { API_VERSION, type ApiCaller } from '../control/api/message.ts';
import { Controller } from '../control/controller.ts';
import { ServiceTable } from '../control/service-table.ts';
import { type DemoOptions, type DemoStage, demoRounds, playRound, STATS_PERIOD_MS } from './demo.ts';
import { drawTopology } from './picture.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import { describeTopology, LAB_MODES } from './topology.ts';

export interface MemoryDemoOptions extends Omit<DemoOptions, 'prefix'> {
  /** Runs tsipvsadm against a director in this process; the command line is not this folder's business. */
  readonly tsipvsadm: (argv: readonly string[], api: ApiCaller) => Promise<string>;
}

export async function runMemoryDemo(options: MemoryDemoOptions): Promise<number> {
  let failures = 0;
  options.print('The networks below are simulated in memory: the director\'s real data plane and commands, imagined wires, clients and servers.\nAs root, the same runs on real network namespaces with the real daemon.');
  for (const mode of options.mode === 'all' ? LAB_MODES : [options.mode]) {
    const network = new SimulatedNetwork(describeTopology({ mode, ...(options.servers === undefined ? {} : { servers: options.servers }) }));
    options.print(`\n${'='.repeat(100)}\n${drawTopology(network.topology)}`);
    const stage = memoryStage(network, options);
    for (const round of demoRounds(network.topology)) failures += await playRound(stage, round, options);
  }
  return failures;
}

function memoryStage(network: SimulatedNetwork, options: MemoryDemoOptions): DemoStage {
  const info = { version: '', apiVersion: API_VERSION, pid: process.pid, device: 'simulated', interfaces: network.topology.director.interfaces.map((i) => i.name), workers: null, connTabSize: 4096, uptimeSec: 0 };
  const controller = new Controller({ table: new ServiceTable(), link: network.link(), info: () => info });
  return {
    topology: network.topology,
    command: (argv) => options.tsipvsadm(argv, controller),
    send: async (order) => network.request(order),
    settle: async () => { for (let ms = 0; ms < STATS_PERIOD_MS; ms += 100) network.advance(100); },
  };
}
