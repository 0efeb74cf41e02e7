# SPDX-License-Identifier: Apache-2.0
"""A folder of the host: names without regard to case, links that lead out, changes from outside (quick)."""
import os

from harness import Server, case, check, check_in, digest, main, random_bytes, write_file

NOT_FOUND = ('NT_STATUS_OBJECT_NAME_NOT_FOUND', 'NT_STATUS_OBJECT_PATH_NOT_FOUND')
REFUSED = NOT_FOUND + ('NT_STATUS_ACCESS_DENIED', 'NT_STATUS_OBJECT_PATH_SYNTAX_BAD',
                       'NT_STATUS_OBJECT_NAME_INVALID', 'NT_STATUS_STOPPED_ON_SYMLINK',
                       'NT_STATUS_IO_REPARSE_TAG_NOT_HANDLED')


@case('names are found without regard to case')
def no_case():
    with Server('dir=@/shared') as s:
        os.makedirs(s.path('shared', 'Folder', 'Sub'))
        write_file(s.path('shared', 'Folder', 'Sub', 'Report.TXT'), b'one')
        write_file(s.path('shared', 'Stra\u00dfe \u00c4'), b'two')
        s.smbclient('dir', 'get folder\\SUB\\rEPORT.txt got; get "STRA\u00dfE \u00e4" got2').ok()
        check(digest(s.path('got')) == digest(s.path('shared', 'Folder', 'Sub', 'Report.TXT')), 'other bytes')
        write_file(s.path('local'), b'three')
        s.smbclient('dir', 'put local FOLDER\\sub\\REPORT.txt; mkdir FOLDER\\new').ok()
        check(sorted(os.listdir(s.path('shared', 'Folder'))) == ['Sub', 'new'], 'a second folder was made')
        check(os.listdir(s.path('shared', 'Folder', 'Sub')) == ['Report.TXT'], 'a second file was made')
        s.smbclient('dir', 'mkdir fOLDER').refused('NT_STATUS_OBJECT_NAME_COLLISION')


@case('a rename that changes case only')
def rename_case():
    with Server('dir=@/shared') as s:
        write_file(s.path('shared', 'name'), b'x')
        s.smbclient('dir', 'rename name NAME').ok()
        check(os.listdir(s.path('shared')) == ['NAME'], os.listdir(s.path('shared')))


@case('nothing leads out of a share')
def escape():
    with Server('dir=@/shared') as s:
        s.make_folder('outside')
        secret = write_file(s.path('outside', 'secret'), b'secret')
        shared = s.path('shared')
        os.symlink('../outside', os.path.join(shared, 'relative'))
        os.symlink(s.path('outside'), os.path.join(shared, 'absolute'))
        os.symlink(secret, os.path.join(shared, 'file'))
        os.symlink('../outside/new', os.path.join(shared, 'dangling'))
        write_file(s.path('local'), b'written')
        for path in ('relative\\secret', 'absolute\\secret', 'file', '..\\outside\\secret', 'relative\\..\\..\\outside\\secret'):
            s.smbclient('dir', f'get {path} got')
            check(not os.path.exists(s.path('got')) or open(s.path('got'), 'rb').read() != b'secret', f'{path} was read')
        for path in ('relative\\secret', 'absolute\\planted', 'file', 'dangling', '..\\outside\\planted'):
            s.smbclient('dir', f'put local {path}')
        for work in ('mkdir relative\\planted', 'del relative\\secret', 'rename relative\\secret here',
                     'rename ..\\outside\\secret here', 'cd relative; del secret'):
            s.smbclient('dir', work)
        check(os.listdir(s.path('outside')) == ['secret'], os.listdir(s.path('outside')))
        check(open(secret, 'rb').read() == b'secret', 'the file outside was changed')


@case('links that stay inside work')
def inside():
    with Server('dir=@/shared') as s:
        os.mkdir(s.path('shared', 'real'))
        write_file(s.path('shared', 'real', 'file'), b'inside')
        os.symlink('real', s.path('shared', 'link'))
        s.smbclient('dir', 'get link\\file got').ok()
        check(open(s.path('got'), 'rb').read() == b'inside', 'other bytes')


@case('what changes on the host is seen at once')
def outside_changes():
    with Server('dir=@/shared') as s:
        with s.session('dir') as c:
            check('new' not in c.do('ls'), 'there before it was made')
            write_file(s.path('shared', 'new'), random_bytes(1234))
            check_in('1234', c.do('ls new'))
            os.rename(s.path('shared', 'new'), s.path('shared', 'other'))
            check_in('NT_STATUS_NO_SUCH_FILE', c.do('ls new'))
            check_in('1234', c.do('ls other'))


@case('names that Windows cannot spell')
def odd_names():
    with Server('dir=@/shared') as s:
        for name in ('a:b', 'q?', 'star*', 'back\\slash', 'trailing ', 'dot.', 'CON'):
            write_file(s.path('shared', name), b'x')
        write_file(s.path('shared', 'plain'), b'x')
        write_file(os.fsencode(s.path('shared')) + b'/bad\xff\xfeutf8', b'x')
        check_in('plain', s.smbclient('dir', 'ls').ok())


@case('times and attributes survive on the host')
def times():
    with Server('dir=@/shared') as s:
        write_file(s.path('local'), b'x')
        s.smbclient('dir', 'put local f; utimes f -1 -1 "2001:02:03-04:05:06" -1; setmode f +h').ok()
        check_in('H', s.smbclient('dir', 'ls f').ok().splitlines()[0])
        check(time_of(s.path('shared', 'f')) == '2001-02-03', time_of(s.path('shared', 'f')))


def time_of(path):
    import time
    return time.strftime('%Y-%m-%d', time.localtime(os.stat(path).st_mtime))


@case('a folder that is not empty is not removed')
def not_empty():
    with Server('mem:', 'dir=@/shared') as s:
        write_file(s.path('local'), b'x')
        for share in ('mem', 'dir'):
            s.smbclient(share, 'mkdir d; put local d\\f; rmdir d').refused('NT_STATUS_DIRECTORY_NOT_EMPTY')
            s.smbclient(share, 'get d\\f got').ok()


main()
