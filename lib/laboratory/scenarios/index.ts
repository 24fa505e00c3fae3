/** The ready scenarios, each a file as a user would write it. One line each. */
import { EQUAL_SERVERS } from './equal-servers.ts';
import { ROLLING_DEPLOY } from './rolling-deploy.ts';
import { UNEQUAL_SERVERS } from './unequal-servers.ts';

/** By name, in the order they are listed in. */
export const READY_SCENARIOS: Readonly<Record<string, string>> = {
  'equal-servers': EQUAL_SERVERS,
  'unequal-servers': UNEQUAL_SERVERS,
  'rolling-deploy': ROLLING_DEPLOY,
};
