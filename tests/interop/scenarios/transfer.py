# SPDX-License-Identifier: Apache-2.0
"""Files there and back with every dialect, signed and encrypted, in memory and in a folder."""
from harness import CAN_ENCRYPT, DIALECT_CODES, DIALECTS, Server, case, check, check_in, digest, main, random_bytes, write_file

SIZES = (0, 1, 4095, 4096, 65535, 65536, (1 << 20) + 1, 20 << 20)


def make_files(s):
    """Local files of all sizes: name -> digest."""
    s.make_folder('in')
    s.make_folder('out')
    return {f'f{size}': digest(write_file(s.path('in', f'f{size}'), random_bytes(size))) for size in SIZES}


def round_trip(s, share, how):
    files = make_files(s)
    work = ['mkdir a', 'mkdir a\\b', 'cd a\\b', 'lcd in']
    work += [f'put {f}' for f in files] + [f'rename {f} {f}.x' for f in files] + ['lcd ..', 'lcd out']
    work += [f'get {f}.x {f}' for f in files] + ['ls']
    text = s.smbclient(share, '; '.join(work), **how).ok()
    for f, want in files.items():
        check(digest(s.path('out', f)) == want, f'{f}: other bytes came back')
        check_in(f'{f}.x', text)
    text = s.smbclient(share, 'allinfo a\\b\\f65536.x', **how).text
    # smbclient 4.17 gives up at the first question of allinfo when a file has no short name, which is
    # a right answer ([MS-FSA] 2.1.5.12.4).
    check('stream: [::$DATA], 65536 bytes' in text or 'getting alt name' in text, text)
    work = [f'del a\\b\\{f}.x' for f in files] + ['rmdir a\\b', 'rmdir a', 'ls']
    text = s.smbclient(share, '; '.join(work), **how).ok()
    check(not [line for line in text.splitlines() if line.startswith('  a ')], text)


def transfer(share, dialect, protection):
    with Server('mem:', 'dir=@/shared') as s:
        round_trip(s, share, {'dialect': dialect, 'protection': protection})


for share in ('mem', 'dir'):
    for dialect in DIALECTS:
        case(f'{share} {dialect} signed', share, dialect, 'sign')(transfer)
    for dialect in CAN_ENCRYPT:
        case(f'{share} {dialect} encrypted', share, dialect, 'encrypt')(transfer)


@case('the dialect asked for is the one spoken')
def dialects():
    with Server('mem:') as s:
        for dialect in DIALECTS:
            with s.session('mem', dialect=dialect) as c:
                c.do('ls')
                now = s.status()['sessions']
                check([x['dialect'] for x in now] == [DIALECT_CODES[dialect]], dialect, now)


@case('a server that wants encryption gets it')
def encrypted():
    with Server('mem:', args=['--encrypt']) as s:
        for dialect in CAN_ENCRYPT:
            with s.session('mem', dialect=dialect) as c:
                c.do('ls')
                now = s.status()['sessions']
                check(now and all(x['encrypted'] for x in now), dialect, now)
        for dialect in DIALECTS[:2]:
            s.smbclient('mem', 'ls', dialect=dialect).refused('NT_STATUS_ACCESS_DENIED')


@case('names beyond ASCII')
def names():
    with Server('mem:', 'dir=@/shared') as s:
        for share in ('mem', 'dir'):
            write_file(s.path('x'), b'x')
            for name in ('\u00e4\u00f6\u00fc', '\u65e5\u672c\u8a9e', 'a b', "it's", '\U0001f600', 'x' * 200):
                s.smbclient(share, f'put x "{name}"; get "{name}" y; del "{name}"').ok()
                check(digest(s.path('x')) == digest(s.path('y')), name)


main()
