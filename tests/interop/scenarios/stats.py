# SPDX-License-Identifier: Apache-2.0
"""The stats filter: what clients did, as commands and the status tell it (quick)."""
import json

from harness import Server, case, check, check_in, expect, main, smbkit
from rawclient import connect

SHARES = {'mem': 'plugin = mem', 'dir': 'path = @/share'}


def server(plugin, before=''):
    return Server(config=f'[docs]\n{SHARES[plugin]}\nread only = no\n{before}filter = stats\n')


def say(s, *words):
    r = smbkit('control', '--socket', s.control, 'docs', *words)
    expect(f'{words}: exit code', r.code, 0)
    return r.text.strip()


@case('counts: mem', 'mem')
@case('counts: dir', 'dir')
@case('counts behind a pause', 'mem', 'filter = pause\n')
def counts(plugin, before=''):
    with server(plugin, before) as s, connect(s, 'docs') as c:
        c.put('a', b'x' * 1000)
        say(s, 'reset')
        f = c.opened('a', access=3)
        for _ in range(3):
            expect('read', c.read(f, 500), b'x' * 500)
        expect('write', c.write(f, b'y' * 10), 'OK')
        expect('missing', c.try_open('b'), 'OBJECT_NAME_NOT_FOUND')
        c.close(f)
        ops = json.loads(say(s, 'stats', 'json'))['operations']
        expect('reads', (ops['read']['calls'], ops['read']['bytes']), (3, 1500))
        expect('writes', (ops['write']['calls'], ops['write']['bytes']), (1, 10))
        for name, o in ops.items():
            expect(name, sum(n for _, n in o['histogram_ns']) + o['untimed'], o['calls'])
        check_in('operation', say(s, 'stats'))
        layers = [x for x in s.status()['layers'] if x['layer'] == 'stats']
        expect('in the status', layers[0]['data']['operations']['read']['calls'], 3)
        check_in('"docs" stats:', smbkit('status', '--socket', s.control).text)
        say(s, 'reset')
        check('read' not in json.loads(say(s, 'stats', 'json'))['operations'], 'reset')


main()
