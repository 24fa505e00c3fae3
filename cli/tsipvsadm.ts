#!/usr/bin/env node
/**
 * The tsipvsadm command. Installed or linked under the name ipvsadm, ipvsadm-save or ipvsadm-restore it is that program: the name it is
 * called by decides.
 *
 * This file is the entry of a bundle (dist/bin/tsipvsadm.js). Scripts call it a hundred times, so nothing is imported here that every
 * call does not need.
 */
import { writeSync } from 'node:fs';
import { basename } from 'node:path';
import { systemResolver } from '../lib/config/ipvsadm/system-resolver.ts';
import { ApiClient, socketPath } from '../lib/control/api/client.ts';
import { LvsError } from '../lib/model/errors.ts';
import { runTsipvsadm } from './run-tsipvsadm.ts';

const STDOUT = 1;
const STDERR = 2;
const FULL_PIPE_WAIT_MS = 1;

process.exitCode = await main();

async function main(): Promise<number> {
  // The name as called, through whatever link; messages and the choice of program use it.
  const name = basename(process.argv[1]!).replace(/\.js$/, '');
  const api = await connected();
  try {
    const { stdout, stderr, code } = await runTsipvsadm({ argv: [name, ...process.argv.slice(2)], stdin: readStandardInput, names: systemResolver(), api });
    writeAll(STDOUT, stdout);
    writeAll(STDERR, stderr);
    return code;
  } finally {
    if (api instanceof ApiClient) api.close();
  }
}

async function connected(): Promise<ApiClient | LvsError> {
  try {
    return await ApiClient.connect(socketPath(process.env));
  } catch (error) {
    if (error instanceof LvsError) return error;
    throw error;
  }
}

async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** All of it, also into a slow pipe; a reader that went away (| head) is no error. */
function writeAll(fd: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') return;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_WAIT_MS);
    }
  }
}
