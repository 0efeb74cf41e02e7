# SPDX-License-Identifier: Apache-2.0
"""The audit filter: a line of JSON for what clients do, whatever they call it (quick)."""
import json
import os
import signal
import tempfile

import rawbodies as b
from harness import USER, Server, case, check, check_logged, expect, main, smbkit, wait_for
from rawclient import connect

SHARES = {'mem': 'plugin = mem', 'dir': 'path = @/share'}
ODD = 'a\u00e4 {},\u2028\'\U0001f600'


def lines_of(path):
    with open(path, encoding='utf-8') as f:
        return [json.loads(line) for line in f]


def matching(file, **wanted):
    return [x for x in lines_of(file) if all(x.get(k) == v for k, v in wanted.items())]


def wait_line(file, **wanted):
    wait_for(lambda: os.path.exists(file) and matching(file, **wanted), 20, f'a line with {wanted}')
    return matching(file, **wanted)[0]


@case('what is told: mem', 'mem')
@case('what is told: dir', 'dir')
def told(plugin):
    with tempfile.TemporaryDirectory() as d:
        log = os.path.join(d, 'audit')
        with Server(config=f'[docs]\n{SHARES[plugin]}\nread only = no\nfilter = audit:file={log},'
                           'events=open|make|empty|delete|rename|link|security|transfer\n') as s, connect(s, 'docs') as c:
            c.put(ODD, b'x' * 1000)
            expect('read', c.content(ODD), b'x' * 1000)
            expect('renamed', c.move(ODD, 'plain'), 'OK')
            expect('emptied', c.try_open('plain', access=3, disposition=b.OVERWRITE), 'OK')
            expect('deleted', c.remove('plain'), 'OK')
            c.make_folder('folder')
            made = wait_line(log, op='make', path=ODD)
            for key, value in (('user', USER), ('address', '127.0.0.1'), ('share', 'docs'), ('result', 'SUCCESS')):
                expect(key, made[key], value)
            check({'read', 'write'} <= set(made['access']), made)
            wait_line(log, op='transfer', path=ODD, written=1000)
            wait_line(log, op='transfer', path=ODD, read=1000)
            wait_line(log, op='rename', path=ODD, to='plain')
            wait_line(log, op='empty', path='plain')
            wait_line(log, op='delete', path='plain')
            wait_line(log, op='make', path='folder', folder=True)
        lines_of(log)  # all of them are JSON when the server has ended


@case('refused by a layer below')
def refused():
    with tempfile.TemporaryDirectory() as d:
        log = os.path.join(d, 'audit')
        with Server(config=f'[docs]\nplugin = mem\nread only = no\nfilter = audit:file={log}\n'
                           'filter = readonly:paths=*.iso\n') as s, connect(s, 'docs') as c:
            expect('made', c.try_open('x.iso', access=3, disposition=b.CREATE_NEW), 'MEDIA_WRITE_PROTECTED')
            wait_line(log, op='make', path='x.iso', result='MEDIA_WRITE_PROTECTED')


@case('refused by the server: mem', 'mem')
@case('refused by the server: dir', 'dir')
def refused_by_server(plugin):
    """A file that is alice's alone is not bob's to open; he is told so, and a line tells of it."""
    with tempfile.TemporaryDirectory() as d:
        log = os.path.join(d, 'audit')
        s = Server(config=f'[docs]\n{SHARES[plugin]}\nread only = no\nnew files = private\nfilter = audit:file={log}\n')
        s.add_user('bob', 'Battery staple 2')
        with s, connect(s, 'docs') as c, connect(s, 'docs', user='bob', password='Battery staple 2') as bob:
            c.put('mine', b'')
            expect('to write', bob.try_open('mine', access=2), 'ACCESS_DENIED')
            line = wait_line(log, op='refused', path='mine')
            expect('who', (line['user'], line['access'], line['result']), ('bob', ['write'], 'ACCESS_DENIED'))
            expect('how often', len(matching(log, op='refused')), 1)


@case('moved away')
def moved():
    with tempfile.TemporaryDirectory() as d:
        log = os.path.join(d, 'audit')
        with Server(config=f'[docs]\nplugin = mem\nread only = no\nfilter = audit:file={log}\n') as s, connect(s, 'docs') as c:
            c.put('a', b'')
            wait_line(log, op='make', path='a')
            os.rename(log, log + '.1')
            expect('exit code', smbkit('control', '--socket', s.control, 'docs', 'reopen').code, 0)
            c.put('b', b'')
            wait_line(log, op='make', path='b')
            expect('the old one', len(matching(log + '.1', op='make', path='b')), 0)
            os.rename(log, log + '.2')
            s.signal(signal.SIGHUP)
            wait_for(lambda: c.put('c', b'') is None and c.remove('c') == 'OK' and os.path.exists(log), 20, 'a new file')
            status = [x for x in s.status()['layers'] if x['layer'] == 'audit'][0]['data']
            expect('lost', status['lost'], 0)


@case('to the log')
def to_log():
    with Server(config='[docs]\nplugin = mem\nread only = no\nfilter = audit\n') as s, connect(s, 'docs') as c:
        c.put('some name', b'')
        check_logged('"path":"some name"', s)


main()
