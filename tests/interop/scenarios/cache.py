# SPDX-License-Identifier: Apache-2.0
"""The cache filter: what is read again comes from memory, and changes are seen (quick)."""
import json
import os

from harness import Server, case, check, expect, main, smbkit
from rawclient import connect


def server(args):
    return Server(config=f'[docs]\npath = @/share\nread only = no\nfilter = cache:{args}\n')


def status(s):
    r = smbkit('control', '--socket', s.control, 'docs', 'status', 'json')
    expect('status: exit code', r.code, 0)
    return json.loads(r.text)


@case('read again')
def again():
    with server('ttl=1h') as s, connect(s, 'docs') as c:
        data = os.urandom(200000)
        c.put('a', data)
        f = c.opened('a', access=3)
        expect('first', c.read(f, 5000, 70000), data[70000:75000])
        before = status(s)
        expect('within the block', c.read(f, 5000, 80000), data[80000:85000])
        expect('hits', status(s)['hits'] - before['hits'], 1)
        smbkit('control', '--socket', s.control, 'docs', 'drop')
        expect('dropped', status(s)['bytes'], 0)
        expect('after it', c.read(f, 5000, 70000), data[70000:75000])
        c.close(f)


@case('two clients')
def two():
    with server('ttl=1h') as s, connect(s, 'docs') as one, connect(s, 'docs') as two:
        one.put('a', b'x' * 1000)
        f = one.opened('a', access=3)
        g = two.opened('a', access=3)
        for n in range(20):
            expect('write', one.write(f, b'%04d' % n), 'OK')
            expect('the other reads', two.read(g, 4), b'%04d' % n)
        one.close(f)
        two.close(g)


@case('a change of the host')
def outside():
    with server('ttl=0') as s, connect(s, 'docs') as c:
        c.put('a', b'before')
        f = c.opened('a', access=3)
        expect('before', c.read(f, 100), b'before')
        with open(os.path.join(s.folder, 'share', 'a'), 'wb') as out:
            out.write(b'and after')
        expect('after', c.read(f, 100), b'and after')
        check(status(s)['misses'] >= 2, 'read anew')
        c.close(f)


main()
