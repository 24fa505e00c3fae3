import t from 'tap';
import { readSyncMessage, SYNC_FLAG, SyncMessageWriter, type SyncRecord } from '../../lib/dataplane/sync-message.ts';

/** Recorded from a kernel master with syncid 7: four IPv4 records; and one with IPv6 in front. */
const RECORDED1 = Buffer.from('0007009804010000000600240000000000019c41005000500000000000000384cb007107c000020a0a010002000600240000000000019c42005000500000000000000384cb007107c000020a0a010001000600240000010000059c42005000500000000000000078cb007107c000020a0a010001001100240000018300009c4100350035000000000000012ccb007107c000020a0a010001', 'hex');
const RECORDED0 = Buffer.from('0207003400069c4100520052cb007107c000020a0a010001000000010006000000520052cb007107c000020a0a01000111000001', 'hex');

function rewrite(records: readonly SyncRecord[], version: 0 | 1, maxBytes = 1472): Buffer {
  const writer = new SyncMessageWriter(version, 7, maxBytes);
  for (const record of records) if (!writer.add(record)) throw new Error('no room');
  return Buffer.from(writer.finish());
}

t.test('a recorded message of either version is read and written again byte for byte', async (t) => {
  const records = readSyncMessage(RECORDED1, 7);
  t.match(records[3], { protocol: 17, clientPort: 40001, virtualPort: 53, timeoutSec: 300, flags: SYNC_FLAG.noOutput | SYNC_FLAG.inactive | SYNC_FLAG.route });
  t.same(rewrite(records, 1), RECORDED1);
  const records0 = readSyncMessage(RECORDED0, 0);
  t.match(records0[1], { clientPort: 0, virtualPort: 82, flags: SYNC_FLAG.template | SYNC_FLAG.inactive, state: 1, timeoutSec: 0 });
  t.same(rewrite(records0, 0), RECORDED0);
});

t.test('IPv6 records, a persistence engine and the padding behind it survive', async (t) => {
  const record: SyncRecord = {
    family: 6, protocol: 17, flags: SYNC_FLAG.template, state: 1, clientPort: 0, virtualPort: 5060, destinationPort: 5060, fwmark: 9, timeoutSec: 60,
    client: Buffer.alloc(16, 1), virtual: Buffer.alloc(16, 2), destination: Buffer.alloc(16, 3), pe: 'sip', peData: Buffer.from('call-7@host'),
  };
  const message = rewrite([record, { ...record, pe: null, peData: null }], 1);
  t.equal(message.readUInt16BE(2), message.length);
  const read = readSyncMessage(message, 7);
  t.equal(read.length, 2);
  t.match(read[0], { pe: 'sip', fwmark: 9 });
  t.same(Buffer.from(read[0]!.peData!), Buffer.from('call-7@host'));
  t.same(Buffer.from(read[1]!.destination), Buffer.alloc(16, 3));
});

t.test('a full message takes no more', async (t) => {
  const writer = new SyncMessageWriter(1, 7, 200);
  const [record] = readSyncMessage(RECORDED1, 7);
  t.same(Array.from({ length: 6 }, () => writer.add(record!)), [true, true, true, true, true, false]);
  t.equal(writer.finish().length, 188);
});

t.test('what a backup refuses', async (t) => {
  const changed = (at: number, value: number): Buffer => { const copy = Buffer.from(RECORDED1); copy[at] = value; return copy; };
  t.equal(readSyncMessage(RECORDED1, 9).length, 0, 'another syncid');
  t.equal(readSyncMessage(RECORDED1, 0).length, 4, 'syncid 0 takes all');
  t.equal(readSyncMessage(RECORDED1.subarray(0, -3), 0).length, 0, 'cut short');
  t.equal(readSyncMessage(changed(5, 2), 0).length, 0, 'another version');
  t.equal(readSyncMessage(changed(7, 1), 0).length, 0, 'spare bytes');
  t.equal(readSyncMessage(changed(3, 0x99), 0).length, 0, 'wrong size');
  t.equal(readSyncMessage(changed(4, 1), 0).length, 1, 'count 1');
  t.equal(readSyncMessage(changed(4, 255), 0).length, 4, 'a count beyond the end');
});

t.test('no bytes whatever make it throw', async (t) => {
  let state = 12345;
  const next = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16;
  let read = 0;
  for (let n = 0; n < 20_000; n++) {
    const message = Buffer.from((n % 3 ? RECORDED1 : RECORDED0).subarray(0, 4 + (next() % 150)));
    for (let k = next() % 4; k > 0; k--) message[next() % message.length] = next() & 0xff;
    if (n % 2) message.writeUInt16BE(message.length, 2);
    read += readSyncMessage(message, 0).length;
  }
  t.ok(read > 0, 'and some of them are messages still');
});
