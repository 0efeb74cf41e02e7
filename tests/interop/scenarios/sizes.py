# SPDX-License-Identifier: Apache-2.0
"""Sizes: what was cut reads as zeros, beyond 4 GiB, and what no file can have (quick)."""
import rawbodies as b
from harness import check, each_share, expect, main
from rawclient import connect

GIB = 1 << 30


@each_share('what was cut off never comes back')
def cut(s, share):
    with connect(s, share) as c:
        f = c.opened('f', disposition=b.CREATE_NEW)
        c.write(f, b'ABCDEFGH', 1000000)
        expect('down', c.set_size(f, 1000), 'OK')
        c.write(f, b'ZZZZ', 2000000)
        expect('far behind', c.read(f, 8, 1000000), bytes(8))
        for size in (1000, 1500):
            c.set_size(f, size)
        c.write(f, b'!', 1500)
        expect('within a page', c.read(f, 500, 1000), bytes(500))
        c.write(f, b'Q' * 600, 1000)
        expect('a smaller allocation', c.set_allocation(f, 1100), 'OK')
        size = c.sizes(f)[1]
        check(size <= 1600, 'a smaller allocation left', size)
        c.set_size(f, 1700)
        expect('behind it', set(c.read(f, 100, max(size, 1100))), {0})
        expect('to nothing and up', (c.set_size(f, 0), c.set_size(f, 70000)), ('OK', 'OK'))
        expect('all of it', c.read(f, 65536), bytes(65536))


@each_share('beyond 4 GiB')
def large(s, share):
    with connect(s, share) as c:
        f = c.opened('f', disposition=b.CREATE_NEW)
        for offset in (2 * GIB - 2, 4 * GIB - 2, 5 * GIB):
            expect(f'writing at {offset}', c.write(f, b'edge', offset), 'OK')
            expect(f'reading at {offset}', c.read(f, 9, offset), b'edge')
            expect('the size', c.sizes(f)[1], offset + 4)
        expect('the hole', c.read(f, 4096, 3 * GIB), bytes(4096))
        end = 5 * GIB + 4
        expect('at the end', c.read(f, 1, end), 'END_OF_FILE')
        expect('nothing at the end', c.read(f, 0, end), b'', 'END_OF_FILE')
        expect('at least 50', c.read(f, 100, 5 * GIB, least=50), 'END_OF_FILE')
        expect('at least 4', c.read(f, 100, 5 * GIB, least=4), b'edge')
        c.close(f)
        e = next(e for e in c.listing() if e.name == 'f')
        expect('listed', e.size, end)


@each_share('a hole takes next to nothing')
def hole(s, share):
    with connect(s, share) as c:
        f = c.opened('f', disposition=b.CREATE_NEW)
        c.set_size(f, 1 << 20)
        check(c.sizes(f)[0] <= 8192, 'nothing written', c.sizes(f))
        c.write(f, b'12345', 500000)
        c.flush(f)
        check(4096 <= c.sizes(f)[0] <= 1 << 17, '5 bytes written', c.sizes(f))


@each_share('sizes and places that no file has')
def impossible(s, share):
    with connect(s, share) as c:
        f = c.opened('f', disposition=b.CREATE_NEW)
        for offset in (2**63 - 4, 2**63, 2**64 - 5):
            status = c.write(f, b'12345678', offset)
            check(status not in ('OK', 'INTERNAL_ERROR'), f'writing at {offset:#x}: {status}')
        for size in (2**62, 2**63 - 1, 2**63, 2**64 - 1):
            status = c.set_size(f, size)
            check(status != 'INTERNAL_ERROR' and (status != 'OK' or c.sizes(f)[1] == size), f'size {size:#x}: {status}')
        c.set_size(f, 4)
        expect('an allocation of 2 EiB', c.set_allocation(f, 2**61), 'DISK_FULL', 'INVALID_PARAMETER')
        expect('the file', c.sizes(f)[1], 4)


@each_share('an RDMA channel that the connection has not')
def no_rdma(s, share):
    for dialect, right in ((0x302, 'INVALID_PARAMETER'), (0x210, 'OK')):
        with connect(s, share, dialect=dialect) as c:
            f = c.opened('f', disposition=b.OVERWRITE_IF)
            for channel in (1, 2):
                expect('write', c.call(b.WRITE, b.write(f, b'1234', channel=channel)).name, right)
            c.write(f, b'1234')
            expect('read', c.call(b.READ, b.read(f, 4, channel=1)).name, right)
            expect('none', c.read(f, 4), b'1234')


main()
