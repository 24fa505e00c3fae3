/** The running director, for subcommands that talk to it. */
import { ApiClient, socketPath } from '../../lib/control/api/client.ts';
import { LvsError } from '../../lib/model/errors.ts';
import type { ControlCommand } from '../../lib/model/control-command.ts';

/** Refused in one line that says how to start a director when none runs. */
export function connectToDaemon(environment: Readonly<Record<string, string | undefined>> = process.env): Promise<ApiClient> {
  return ApiClient.connect(socketPath(environment));
}

/** Connect, do it, disconnect. */
export async function withDaemon<Result>(use: (client: ApiClient) => Promise<Result>): Promise<Result> {
  const client = await connectToDaemon();
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

/** All of the commands or none; the first refusal is thrown. */
export async function applyAll(client: Pick<ApiClient, 'call'>, commands: readonly ControlCommand[]): Promise<void> {
  const { results } = await client.call('apply', { commands, atomic: true });
  const refused = results.find((result) => !result.ok);
  if (refused !== undefined && !refused.ok) throw new LvsError(refused.error.code, refused.error.message);
}
