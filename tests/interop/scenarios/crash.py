# SPDX-License-Identifier: Apache-2.0
"""kill -9 in the middle of writing: what was flushed is there, and the share works again (quick)."""
import os
import threading
import time

from harness import Server, case, check, main, random_bytes, run

BLOCK = 65536


def write_and_flush(c, tree, name, acknowledged):
    """Blocks of a known pattern; acknowledged grows after each flush that was answered."""
    f = c.create(tree, name, 0x3, 7, 0x40, 5, 0)
    i = 0
    while True:
        data = random_bytes(BLOCK, i)
        check(c.write(tree, f, data, i * BLOCK, BLOCK) == BLOCK, 'short write')
        c.flush(tree, f)
        i += 1
        acknowledged[name] = i


def writer(s, name, acknowledged):
    c = s.impacket().getSMBServer()
    try:
        write_and_flush(c, c.connectTree('dir'), name, acknowledged)
    except Exception:
        pass  # the server is gone: what this is about


def kill_in_between(s):
    acknowledged = {}
    threads = [threading.Thread(target=writer, args=(s, f'file{i}', acknowledged), daemon=True) for i in range(3)]
    for t in threads:
        t.start()
    until = time.monotonic() + 30
    while min([acknowledged.get(f'file{i}', 0) for i in range(3)]) < 20:
        check(time.monotonic() < until, f'too slow: {acknowledged}')
        time.sleep(0.01)
    s.kill()
    for t in threads:
        t.join(30)
    return acknowledged


@case('what was flushed survives, the share works after the restart')
def kill():
    with Server('dir=@/shared') as s:
        for _ in range(3):
            acknowledged = kill_in_between(s)
            for name, blocks in acknowledged.items():
                with open(s.path('shared', name), 'rb') as f:
                    for i in range(blocks):
                        check(f.read(BLOCK) == random_bytes(BLOCK, i), f'{name}: block {i} of {blocks} is wrong')
            s.start()
            s.smbclient('dir', 'ls; get file0 got; del file0; del file1; del file2').ok()
            check(os.listdir(s.path('shared')) == [], os.listdir(s.path('shared')))


@case('a second server on the same port says so')
def second():
    with Server('mem:') as s:
        r = run(s.command, s.folder, timeout=20)
        check(r.code == 1 and str(s.port) in r.text, r.code, r.text)


main()
