# SPDX-License-Identifier: Apache-2.0
"""impacket as a client: another implementation than Samba's (quick)."""
import io

from harness import Server, case, check, main, random_bytes


def use(dialect):
    with Server('mem:', 'dir=@/shared') as s:
        c = s.impacket(dialect)
        check(c.getDialect() == dialect, hex(c.getDialect()))
        for share in ('mem', 'dir'):
            for size in (0, 1, 70000, 3 << 20):
                data = random_bytes(size)
                back = io.BytesIO()
                c.putFile(share, f'f{size}', io.BytesIO(data).read)
                c.getFile(share, f'f{size}', back.write)
                check(back.getvalue() == data, f'{share}: {size} bytes came back changed')
            c.createDirectory(share, 'folder')
            c.rename(share, 'f1', 'folder\\g1')
            names = {f.get_longname(): f.get_filesize() for f in c.listPath(share, '*')}
            check(set(names) == {'.', '..', 'f0', 'f70000', f'f{3 << 20}', 'folder'}, names)
            check(names['f70000'] == 70000, names)
            c.deleteFile(share, 'folder\\g1')
            c.deleteDirectory(share, 'folder')
        c.logoff()


for code in (0x0202, 0x0210, 0x0300):
    case(f'dialect {code:#06x}', code)(use)


main()
