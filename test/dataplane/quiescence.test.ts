import t from 'tap';
import { enterRound, leaveRound, lineWords, Quiescence } from '../../lib/dataplane/quiescence.ts';

function world(forwarders: number): { lines: Int32Array; quiescence: Quiescence; reused: number[] } {
  const lines = new Int32Array(new SharedArrayBuffer(4 * lineWords(forwarders)));
  const reused: number[] = [];
  return { lines, quiescence: new Quiescence(lines, forwarders, (number) => reused.push(number)), reused };
}

t.test('what is retired while every forwarder is between two rounds is free at once', async (t) => {
  const { quiescence, reused } = world(3);
  quiescence.retire(7);
  t.same(reused, []);
  quiescence.turn();
  t.same(reused, [7]);
});

t.test('what is retired while a forwarder is in a round waits for the end of that round, not for the next', async (t) => {
  const { lines, quiescence, reused } = world(2);
  enterRound(lines, 1);
  quiescence.retire(7);
  quiescence.turn();
  enterRound(lines, 0);
  quiescence.turn();
  t.same(reused, [], 'the round it was in goes on');
  leaveRound(lines, 1);
  enterRound(lines, 1);
  quiescence.turn();
  t.same(reused, [7], 'both are in rounds that began later');
});

t.test('what is retired while others are waited for has a wait of its own', async (t) => {
  const { lines, quiescence, reused } = world(1);
  enterRound(lines, 0);
  quiescence.retire(1);
  quiescence.turn();
  leaveRound(lines, 0);
  enterRound(lines, 0);
  quiescence.retire(2);
  quiescence.turn();
  t.same(reused, [1], 'the second may be looked at in the round that goes on');
  leaveRound(lines, 0);
  quiescence.turn();
  t.same(reused, [1, 2]);
});

t.test('callbacks come in order, and may ask for more', async (t) => {
  const { lines, quiescence } = world(1);
  const order: string[] = [];
  enterRound(lines, 0);
  quiescence.after(() => {
    order.push('first');
    quiescence.after(() => order.push('third'));
  });
  quiescence.after(() => order.push('second'));
  t.equal(quiescence.urgent, true);
  quiescence.turn();
  t.same(order, []);
  leaveRound(lines, 0);
  quiescence.turn();
  t.same(order, ['first', 'second', 'third']);
  quiescence.turn();
  t.equal(quiescence.urgent, false);
});
