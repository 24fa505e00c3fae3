/** include and its strict forms beside files that are there and are not: refused where keepalived 2.2.7 -t ends with 6. */
import t from 'tap';
import { memoryHost } from '../../../lib/config/config-host.ts';
import { readKeepalived } from '../../../lib/config/keepalived/read-keepalived.ts';
import { refusals } from '../../../lib/config/read-configuration.ts';

/** Letters of the forms (include_) that refuse the pattern. */
const REFUSED_BY: Readonly<Record<string, string>> = {
  'none.conf': 'mwa', '*.none': 'wa', 'sub/*.conf': '', 'nodir/*.conf': 'mwa', '{sub/ok,nope}.conf': 'ba', '{a,b}.none': 'ba', '{sub/o*,none*}.conf': '',
};

const refused = (text: string): boolean => refusals(readKeepalived('/k/z.conf', memoryHost({ '/k/z.conf': text, '/k/sub/ok.conf': '', '/k/other.conf': '' })), false).length > 0;

for (const [pattern, by] of Object.entries(REFUSED_BY)) {
  t.test(`include ${pattern}`, async (t) => {
    for (const form of ['', 'r', 'm', 'w', 'b', 'a']) t.equal(refused(`include${form} ${pattern}\nglobal_defs {\n}\n`), form !== '' && by.includes(form), `include${form}`);
  });
}

t.test('include_check makes plain includes strict, with signs a little at a time', async (t) => {
  const checked = (options: string, pattern: string): boolean => refused(`global_defs {\n include_check ${options}\n}\ninclude ${pattern}\n`);
  t.same(['', 'match', '+match', 'wildcard_match', '+match -match', '-match', 'readable'].map((options) => checked(options, 'none.conf')), [true, true, true, false, false, false, false]);
  t.same(['', 'match', 'wildcard_match'].map((options) => checked(options, '*.none')), [true, false, true]);
});
