/** From what a user gives (rules, captures, perhaps a network) to what a replay runs on. All refusals happen here, before any frame. */
import { parseMarkRules } from '../config/mark-rules.ts';
import { parseRules } from '../config/rules.ts';
import { ServiceTable } from '../control/service-table.ts';
import type { ControlCommand } from '../model/control-command.ts';
import { LvsError } from '../model/errors.ts';
import type { NetworkState } from '../model/network-state.ts';
import type { TableEdit } from '../model/table-edit.ts';
import { learnNetwork } from './learn-network.ts';
import { parseNetworkFile } from './network-file.ts';
import { checkInterfaceNames, type ReplayInput } from './replay-input.ts';

/** A text and the name of where it came from. */
export interface NamedText { readonly name: string; readonly text: string }

export interface ReplayRequest {
  readonly rules: NamedText;
  readonly inputs: readonly ReplayInput[];
  /** Absent: learnt from the captures. */
  readonly network?: NamedText;
  readonly marks?: NamedText;
  /** Further settings, after the rules. */
  readonly commands?: readonly ControlCommand[];
}

export interface PreparedReplay {
  readonly network: NetworkState;
  readonly edits: readonly TableEdit[];
  /** What had to be assumed. */
  readonly notes: readonly string[];
}

export async function prepareReplay(request: ReplayRequest): Promise<PreparedReplay> {
  const { rules, inputs } = request;
  checkInterfaceNames(inputs);
  const commands = [...await parsed(rules), ...marks(request), ...(request.commands ?? [])];
  const table = new ServiceTable();
  const outcome = table.executeAll(commands);
  if ('error' in outcome) throw new LvsError(outcome.error.code, `${rules.name}: command ${outcome.position + 1}: ${outcome.error.message}`);
  if (request.network !== undefined) {
    const names = inputs.map((input) => input.interface);
    return { network: parseNetworkFile(request.network.text, request.network.name, names), edits: outcome.edits, notes: [] };
  }
  const services = table.services();
  const { state, notes } = learnNetwork(inputs, {
    virtual: new Set(services.flatMap(({ service: { id } }) => (id.kind === 'address' ? [id.address] : []))),
    real: new Set(services.flatMap(({ destinations }) => destinations.map(({ address }) => address))),
  });
  return { network: state, edits: outcome.edits, notes };
}

async function parsed({ name, text }: NamedText): Promise<readonly ControlCommand[]> {
  try {
    return await parseRules(text);
  } catch (error) {
    if (error instanceof LvsError) throw new LvsError(error.code, `${name}: ${error.message}`);
    throw error;
  }
}

function marks({ marks: file }: ReplayRequest): ControlCommand[] {
  return file === undefined ? [] : [{ op: 'marks', rules: parseMarkRules(file.text, file.name) }];
}
