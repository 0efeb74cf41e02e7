# SPDX-License-Identifier: Apache-2.0
"""Status of a server with more open files than an answer lists: at once, and nobody waits for it."""
import json
import threading
import time

import rawbodies as b
from harness import Server, case, check, check_in, main, smbkit
from rawclient import connect

LISTED, OPENS, AT_ONCE = 10000, 10200, 600


def open_many(client):
    body = b.create('file', access=0x80, disposition=b.OPEN_IF)
    for _ in range(OPENS // AT_ONCE):
        for _ in range(AT_ONCE):
            client.send(b.CREATE, body, ask=1)
        for _ in range(AT_ONCE):
            check(client.receive().status == 0)


def longest_echo(client, stop, out):
    while not stop.is_set():
        begun = time.monotonic()
        client.echo()
        out.append(time.monotonic() - begun)


@case('status of 10,200 opens lists 10,000, says so, and holds nobody up')
def many():
    with Server('mem:') as s, connect(s, 'mem') as c, connect(s, 'mem') as other:
        c.grow(AT_ONCE + 10)
        open_many(c)
        times, stop = [], threading.Event()
        thread = threading.Thread(target=longest_echo, args=(other, stop, times))
        thread.start()
        try:
            text = smbkit('status', '--socket', s.control).text
            answer = json.loads(smbkit('status', '--json', '--socket', s.control).text)
        finally:
            stop.set()
            thread.join()
        check_in(f'... and {OPENS - LISTED} more', text)
        check(len(answer['opens']) == LISTED and answer['counters']['opens'] == OPENS)
        check(max(times) < 1, max(times))


main()
