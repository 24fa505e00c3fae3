/**
 * FILE_CHECK: the number in a file (0 where there is none), multiplied by the weight. With weight 0 a number other than 0 is a failure;
 * else the product is a failure only at -2147483647 and below, and is added to the server's weight when `dynamic`. `reverse` changes the sign,
 * or the sense.
 */
import { open } from 'node:fs/promises';
import { failed, PASSED, type Checker, type ProbeOutcome } from '../checker.ts';

const MAX_BYTES = 64;
const FAULT = -0x7fffffff;

type FileCheck = Parameters<Checker<'file'>>[0];

export const checkFile: Checker<'file'> = async (check) => fileOutcome(check, await numberIn(check.path));

export function fileOutcome(check: FileCheck, value: number): ProbeOutcome {
  if (check.weight === 0) return (value === 0) !== check.reverse ? PASSED : failed(`${check.path} holds ${value}`);
  const result = value * check.weight * (check.reverse ? -1 : 1);
  if (result <= FAULT) return failed(`${check.path} holds ${value}: fault`);
  return check.dynamic ? { ok: true, error: '', weightAdd: result } : PASSED;
}

async function numberIn(path: string): Promise<number> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
      const value = Number.parseInt(buffer.toString('latin1', 0, bytesRead), 10);
      return Number.isNaN(value) ? 0 : value;
    } finally {
      await file.close();
    }
  } catch {
    return 0;
  }
}
