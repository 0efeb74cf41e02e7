# SPDX-License-Identifier: Apache-2.0
"""Connections that never log in: they do not keep others out, nor stay (quick)."""
import resource
import socket

import rawclient
from harness import Server, case, check, main, wait_for


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


main()
