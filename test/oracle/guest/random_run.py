"""Random scenarios for the differential test: module of the oracle's engine.py, run inside the virtual machine.

ORACLE_SET is "SEED:COUNT"; scenario k of a seed is always the same. Three kinds in turn: commands (cli), one scheduler under
random edits and connections (sched), packets of every sort through several services (packet). What the kernel does is
recorded in the golden format; our own core is then run on the recording.

Timers of the kernel fire late by up to 16 s, so waits are short (below any timeout) or long (beyond timeout plus lateness).
"""
import os, random, sys
sys.path.insert(0, '/in/cases')
import cli_run, cli_walk, pk
from packet_lib import OPEN, Flow, icmp_err
from pk import ACK, FIN, PSH, RST, SYN
from sched_lib import walk

SEED, COUNT = (int(x) for x in os.environ['ORACLE_SET'].split(':'))
SCHEDS = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'dh', 'sh', 'mh', 'sed', 'nq', 'fo', 'ovf']
FLAGS = {'sh': ['', '-b sh-fallback', '-b sh-port', '-b sh-fallback,sh-port'], 'mh': ['', '-b mh-fallback', '-b mh-port', '-b mh-fallback,mh-port']}
METHODS = ['-m', '-m', '-g', '-i', '-i --tun-type gue --tun-port 6080', '-i --tun-type gre', '-i --tun-type gre --tun-csum', '-i --tun-type gue --tun-port 6080 --tun-csum']


def sched_case(seed):
    def fn(w):
        r = random.Random(seed)
        sched = r.choice(SCHEDS)
        opts = r.choice(FLAGS.get(sched, ['']))
        if r.random() < 0.25:
            opts += ' -p %d' % r.choice([60, 360, 1000])
            if r.random() < 0.5:
                opts += ' -M 255.255.255.0'
        service = r.choice(['-t 192.0.2.10:80', '-t 192.0.2.10:80', '-u 192.0.2.10:53', '-t [2001:db8::10]:80', '-u 192.0.2.10:9'])
        if service.startswith('-t [') and '-M' in opts:
            opts = opts.replace('-M 255.255.255.0', '-M 64')
        walk(w, seed, sched, opts, service, r.choice(['-m', '-g', '-i']), n=70, thresholds='-p' not in opts)
    return fn


class Walk:
    """Random packets: services of several kinds, flows that live and die, servers that come and go."""

    def __init__(self, w, seed):
        self.w, self.r, self.flows, self.next = w, random.Random(seed), [], 0
        self.services = []
        r = self.r
        for knob, values in (('sloppy_tcp', [0, 1]), ('conn_reuse_mode', [0, 1]), ('expire_nodest_conn', [0, 1]), ('expire_quiescent_template', [0, 1]),
                             ('schedule_icmp', [0, 1]), ('nat_icmp_send', [0, 1]), ('pmtu_disc', [1, 1, 0])):
            if r.random() < 0.3:
                w.sysctl('net.ipv4.vs.' + knob, r.choice(values))
        kinds = [(six, proto) for six in (False, True) for proto in (6, 17, 132)]
        for six, proto in r.sample(kinds, r.choice([1, 2, 3])):
            f = Flow(w, OPEN, six, proto, vp=r.choice([80, 443, 53, 5060]))
            method, opts = r.choice(METHODS), ''
            if r.random() < 0.3:
                opts += ' -p %d' % r.choice([60, 360])
            elif proto == 17 and r.random() < 0.25:
                opts += ' -o'
            rp = f.vp + (r.choice([0, 1000]) if method == '-m' else 0)
            w.vs('-A %s -s %s%s' % (f.svc(), r.choice(['rr', 'wrr', 'wlc', 'lc', 'sh', 'dh', 'sed', 'fo']), opts))
            ns = r.sample(range(1, 8), r.choice([0, 1, 2, 3]))
            s = dict(six=six, proto=proto, vp=f.vp, rp=rp, method=method, ns=[], svc=f.svc(), ops='-o' in opts, picked={})
            for n in ns:
                self.add(s, n)
            self.services.append(s)

    def add(self, s, n):
        a = ('[2001:db8:1::%x]:%d' if s['six'] else '10.1.0.%d:%d') % (n, s['rp'])
        self.w.vs('-a %s -r %s %s -w %d' % (s['svc'], a, s['method'], self.r.choice([0, 1, 1, 2, 5])))
        s['ns'].append(n)

    def flow(self, s):
        mine = [f for f in self.flows if f[0] is s]
        if mine and self.r.random() < 0.65:
            return self.r.choice(mine)
        self.next += 1
        f = Flow(self.w, OPEN, s['six'], s['proto'], n=1, cp=20000 + self.next, vp=s['vp'], rp=s['rp'])
        if self.r.random() < 0.5:
            f.c = ('2001:db8:ff::%x' if s['six'] else '203.0.113.%d') % self.r.randrange(1, 250)
        entry = (s, f, {'n': None})
        self.flows.append(entry)
        return entry

    def l4(self, proto, src, dst, sp, dp, first, server):
        r = self.r
        data = bytes(r.randrange(256) for _ in range(r.choice([0, 0, 1, 7, 40, 300])))
        if proto == 6:
            flags = r.choice([SYN | ACK, ACK, PSH | ACK, FIN | ACK, ACK]) if server else r.choice([SYN] * 6 + [ACK, FIN | ACK] if first else [SYN, ACK, ACK, PSH | ACK, FIN | ACK])
            return pk.tcp_seg(src, dst, sp, dp, flags, r.randrange(1 << 32), r.randrange(1 << 32) if flags & ACK else 0, data=data,
                              opts=r.choice([b'', b'', b'\x02\x04\x05\xb4']), badsum=r.random() < 0.05)
        if proto == 17:
            return pk.udp_dgram(src, dst, sp, dp, data, nosum=r.random() < 0.1 and ':' not in src, badsum=r.random() < 0.05)
        chunk = r.choice([2, 0, 3, 11] if server else ([1] * 5 + [0] if first else [1, 0, 3, 10, 7, 14]))
        return pk.sctp_pkt(sp, dp, r.randrange(1 << 32), pk.sctp_chunk(chunk, 0, bytes(16)))

    def ip(self, six, src, dst, proto, l4):
        r = self.r
        kw = dict(ttl=r.choice([64, 64, 64, 2, 1, 255]), tos=r.choice([0, 0, 0x10, 3, 0xb9]))
        if six:
            return pk.ip6(src, dst, proto, l4, hlim=kw['ttl'], tc=kw['tos'], flow=r.choice([0, 0x12345]))
        return pk.ip4(src, dst, proto, l4, ident=r.randrange(1, 65536), df=r.random() < 0.7, opts=r.choice([b'', b'', b'', b'\x01\x01\x01\x00']), **kw)

    def client(self):
        if not self.services:
            return
        s, f, got = self.flow(self.r.choice(self.services))
        out = self.w.cl(self.ip(f.six, f.c, f.v, f.proto, self.l4(f.proto, f.c, f.v, f.cp, f.vp, got['n'] is None, False)), 'client')
        for o in out:
            if o['dev'] == 'rs0':
                got['n'] = int(o['dmac'][-2:], 16)

    def server(self):
        able = [x for x in self.flows if x[2]['n'] and x[0]['method'] == '-m']
        if not able:
            return
        s, f, got = self.r.choice(able)
        a = ('2001:db8:1::%x' if f.six else '10.1.0.%d') % got['n']
        self.w.rs(got['n'], self.ip(f.six, a, f.c, f.proto, self.l4(f.proto, a, f.c, s['rp'] + (0 if self.r.random() < 0.95 else 1), f.cp, False, True)), 'server')

    def icmp(self):
        able = [x for x in self.flows if x[2]['n']]
        if not able:
            return
        s, f, got = self.r.choice(able)
        t, c = self.r.choice([(1, 4), (1, 0), (2, 0), (3, 0), (4, 0)] if f.six else [(3, 3), (3, 1), (3, 4), (11, 0), (12, 0), (5, 1)])
        rest = (1280).to_bytes(4, 'big') if (t, c) in ((2, 0), (3, 4)) else bytes(4)
        a = ('2001:db8:1::%x' if f.six else '10.1.0.%d') % got['n']
        if self.r.random() < 0.5 and s['method'] == '-m':
            quoted = self.ip(f.six, f.c, a, f.proto, self.l4(f.proto, f.c, a, f.cp, s['rp'], False, False))
            self.w.rs(got['n'], icmp_err(self.w, f.six, a, f.c, t, c, rest, quoted, self.r.choice([None, 28 + 20 * f.six])), 'icmp error from the server')
        else:
            quoted = self.ip(f.six, f.v, f.c, f.proto, self.l4(f.proto, f.v, f.c, f.vp, f.cp, False, True))
            self.w.cl(icmp_err(self.w, f.six, f.c, f.v, t, c, rest, quoted, self.r.choice([None, 28 + 20 * f.six])), 'icmp error from the client')

    def edit(self):
        s = self.r.choice(self.services)
        k = self.r.random()
        free = [n for n in range(1, 8) if n not in s['ns']]
        if k < 0.4 and free:
            self.add(s, self.r.choice(free))
        elif s['ns']:
            n = self.r.choice(s['ns'])
            a = ('[2001:db8:1::%x]:%d' if s['six'] else '10.1.0.%d:%d') % (n, s['rp'])
            if k < 0.7:
                self.w.vs('-e %s -r %s %s -w %d' % (s['svc'], a, s['method'], self.r.choice([0, 1, 3])))
            else:
                s['ns'].remove(n)
                self.w.vs('-d %s -r %s' % (s['svc'], a))

    def go(self, steps):
        waits = 0
        # An SCTP entry that saw only an INIT ends after 4 s plus a timer's lateness: be done before.
        for _ in range(22 if any(s['proto'] == 132 for s in self.services) else steps):
            k = self.r.random()
            if k < 0.55:
                self.client()
            elif k < 0.75:
                self.server()
            elif k < 0.83:
                self.icmp()
            elif k < 0.90:
                self.edit()
            elif k < 0.97:
                self.w.vs(self.r.choice(['-Lnc', '-Ln', '-Lnc', '-Sn']))
            elif waits < 1:
                waits += 1
                self.w.wait(1500)       # beyond every timeout, of removed servers too: all is forgotten afterwards
                for x in self.flows:
                    x[2]['n'] = None
        self.w.vs('-Lnc')
        self.w.wait(3)
        self.w.vs('-Ln --stats')


def scenarios():
    for k in range(COUNT):
        seed = SEED * 1000003 + k
        kind = ('packet', 'sched', 'cli')[k % 3]
        cid = 'random-%d-%d-%s' % (SEED, k, kind)
        title = 'random %s scenario %d of seed %d' % (kind, k, SEED)
        if kind == 'cli':
            yield cid, title, {'profile': 'none'}, cli_run.make(cli_walk.walk(seed))
        elif kind == 'sched':
            yield cid, title, {'profile': 'std'}, sched_case(seed)
        else:
            opts = {'profile': 'std'}
            if random.Random(seed).random() < 0.3:
                opts['rs_mtu'] = 1400
            yield cid, title, opts, (lambda s: lambda w: Walk(w, s).go(45))(seed)


CASES = list(scenarios())
