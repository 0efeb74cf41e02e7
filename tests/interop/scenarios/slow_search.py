# SPDX-License-Identifier: Apache-2.0
"""A search that a worker takes long over, while its connection goes on (quick)."""
import rawbodies as b
from harness import Server, case, check, main, write_file
from rawclient import connect


@case('the client is told that it is pending, and then that there is nothing')
def long_search():
    with Server(config='[slow]\npath = @/folder\nfilter = delay:enumerate=60ms\n') as s, connect(s, 'slow') as c:
        for i in range(16000):
            write_file(s.path('folder', f'file-{i:05}'), b'')
        f = c.opened('', access=b.LIST, options=b.FOLDER)
        mid = c.send(b.QUERY_DIRECTORY, b.query_directory(f, pattern='*nothing*'))
        c.await_interim(mid)
        check(c.echo().status == 0, 'the connection goes on')
        r = c.receive(mid, 20)
        check(r.name == 'NO_SUCH_FILE', r.name)


main()
