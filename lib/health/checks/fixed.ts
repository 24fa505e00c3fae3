/** ldirectord's checktype on and off: up or down without asking. */
import { failed, PASSED, type Checker } from '../checker.ts';

export const checkFixed: Checker<'fixed'> = async (check) => (check.up ? PASSED : failed('configured as down'));
