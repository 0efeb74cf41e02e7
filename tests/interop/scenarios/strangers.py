# SPDX-License-Identifier: Apache-2.0
"""Connections that never log in: they do not keep others out, nor stay (quick)."""
import resource
import socket

import rawbodies as b
import rawclient
from harness import PASSWORD, USER, Server, case, check, main, wait_for


def dial(s, source):
    return socket.create_connection(('127.0.0.1', s.port), 10, (source, 0))


@case('800 from 17 addresses; others come and go meanwhile')
def many():
    with Server('mem:') as s:
        resident = rawclient.connect(s, 'mem')
        crowd = [dial(s, f'127.0.1.{1 + i % 17}') for i in range(800)]
        for _ in range(20):
            with rawclient.connect(s, 'mem') as c:
                check(c.echo().name == 'OK')
        check(resident.echo().name == 'OK')
        held = wait_for(lambda: s.status()['counters']['connections'] <= 257, 10, 'the oldest to go')
        check(held)
        for c in crowd:
            c.close()


@case('the limit of descriptors is raised to what the system allows')
def descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        with Server('mem:') as s:
            now, most = resource.prlimit(s.process.pid, resource.RLIMIT_NOFILE)
            check(now == min(most, 1 << 20), now, most)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@case('too few descriptors are refused at the start, and few are enough for the control socket')
def few():
    s = Server('mem:')
    s.prefix = ['prlimit', '--nofile=64:64']
    said = ''
    try:
        with s:
            pass
    except AssertionError as e:
        said = str(e)
    check('allows this process 64 open files' in said, said)
    s = Server('dir=@/dir', 'mem=mem:')
    s.prefix = ['prlimit', '--nofile=160:160']
    with s, rawclient.connect(s, 'dir') as c:
        c.put('f')
        while c.create('f').status == 0:
            pass
        crowd = [socket.create_connection(('127.0.0.1', s.port)) for _ in range(160)]
        check(s.status()['counters']['opens'] > 10)
        check(rawclient.connect(s, 'mem').echo().name == 'OK')
        check('accepting paused' not in s.log(), s.log())
        for k in crowd:
            k.close()


@case('one client\'s open files leave descriptors to the others')
def open_files():
    s = Server('dir=@/dir', 'mem=mem:', users=((USER, PASSWORD), ('bob', PASSWORD)))
    s.prefix = ['prlimit', '--nofile=600:600']
    with s, rawclient.connect(s, 'dir') as c:
        c.put('f')
        last = next(r for r in (c.create('f') for _ in range(600)) if r.status != 0)
        check(last.name == 'TOO_MANY_OPENED_FILES', last.name)
        held = s.status()['counters']['opens']
        check(150 < held < 220, held)
        rawclient.connect(s, 'dir').put('h')  # the same user's other machine
        with rawclient.connect(s, 'dir', user='bob') as other:
            other.put('g', b'x')
            check(other.content('f') == 'END_OF_FILE' and other.content('g') == b'x')
            d = other.opened('', access=b.LIST, options=b.FOLDER)
            listing = other.call(b.QUERY_DIRECTORY, b.query_directory(d))
            check(sorted(e.name for e in b.entries(listing.buffer())) == ['.', '..', 'f', 'g', 'h'])
        check('accept' not in s.log(), s.log())


main()
