# SPDX-License-Identifier: Apache-2.0
"""Change notification: smbclient watches while others change things (quick)."""
from harness import Server, case, check, main, wait_for, write_file


def watch(share):
    with Server('mem:', 'dir=@/shared') as s:
        write_file(s.path('local'), b'x')
        s.smbclient(share, 'mkdir folder').ok()
        with s.session(share) as c:
            c.do('ls')
            c.send('notify folder')
            c.wait_quietly(0.5)
            s.smbclient(share, 'put local folder\\new').ok()
            c.read_until('0001 new')
            s.smbclient(share, 'rename folder\\new folder\\other').ok()
            c.read_until('0005 other')
            s.smbclient(share, 'mkdir folder\\sub').ok()
            c.read_until('0001 sub')
            s.smbclient(share, 'del folder\\other').ok()
            c.read_until('0002 other')
        s.smbclient(share, 'ls').ok()


for share in ('mem', 'dir'):
    case(f'changes by another client on {share}', share)(watch)


@case('a watcher who leaves leaves nothing behind')
def leave():
    with Server('mem:') as s:
        with s.session('mem') as c:
            c.do('ls')
            c.send('notify .')
            c.wait_quietly(0.5)
            check(s.status()['counters']['waiting'] <= 1, s.status()['counters'])
            c.process.kill()
        wait_for(lambda: not s.status()['counters']['connections'], 10, 'the connection to end')
        counters = s.status()['counters']
        check(not counters['waiting'] and not counters['opens'], counters)


main()
