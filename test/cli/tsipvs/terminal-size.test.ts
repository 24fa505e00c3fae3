/** What a stream and the environment say about width and colour. */
import t from 'tap';
import { terminalSize } from '../../../cli/tsipvs/terminal-size.ts';

t.test('a terminal has its own width and colours, unless the environment says otherwise', async (t) => {
  const tty = { isTTY: true, columns: 72 };
  t.same(terminalSize(tty, { TERM: 'xterm' }), { columns: 72, colour: true, ascii: false });
  t.equal(terminalSize(tty, { NO_COLOR: '1' }).colour, false);
  t.equal(terminalSize(tty, { NO_COLOR: '' }).colour, true, 'empty is not set (no-color.org)');
  t.equal(terminalSize(tty, { TERM: 'dumb' }).colour, false);
  t.equal(terminalSize({ isTTY: true, columns: 0 }, {}).columns, 100, 'a terminal without a size');
});

t.test('a pipe is plain, as wide as $COLUMNS says', async (t) => {
  t.same(terminalSize({}, { TERM: 'xterm' }), { columns: 100, colour: false, ascii: false });
  t.equal(terminalSize({}, { COLUMNS: '60' }).columns, 60);
  for (const odd of ['0', '-5', 'wide', '']) t.equal(terminalSize({}, { COLUMNS: odd }).columns, 100, odd);
});

t.test('a terminal whose locale is not UTF-8 gets no block characters', async (t) => {
  const tty = { isTTY: true, columns: 80 };
  t.equal(terminalSize(tty, { LANG: 'C' }).ascii, true);
  t.equal(terminalSize(tty, { LANG: 'C', LC_ALL: 'de_DE.utf8' }).ascii, false, 'LC_ALL counts before LANG');
  t.equal(terminalSize(tty, {}).ascii, false);
});
