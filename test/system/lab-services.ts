/** The services that system tests set up: the demonstration's, with their commands. */
import type { DemoService } from '../../lib/lab/demo.ts';
import { demoRounds, serviceCommands } from '../../lib/lab/demo.ts';
import type { RunningLab } from '../../lib/lab/running-lab.ts';

/** Set up the HTTP services (IPv4, IPv6) of the laboratory's mode, or those that fit, and return them. */
export async function setUpServices(lab: RunningLab, fits: (service: DemoService) => boolean = (s) => s.kind === 'http'): Promise<readonly DemoService[]> {
  const services = demoRounds(lab.topology)[0]!.services.filter(fits);
  const rules = services.flatMap(serviceCommands).map((argv) => argv.join(' ')).join('\n');
  await lab.command(['-R'], { input: `${rules}\n` });
  return services;
}
