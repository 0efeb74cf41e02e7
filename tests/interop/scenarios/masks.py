# SPDX-License-Identifier: Apache-2.0
"""What new files and folders are to the host: modes, owners, groups (quick)."""
import grp
import os
import pwd
import stat


from harness import Server, Skip, case, check, expect, main, smbkit
from rawclient import connect



def made(keys, before=None):
    """What a file and a folder are that are made in a share with these keys, in a folder 'in'."""
    with Server(config=f'[share]\npath = @/share\nread only = no\n{keys}\n') as s:
        os.mkdir(s.path('share', 'in'))
        if before:
            before(s.path('share', 'in'))
        with connect(s, 'share') as c:
            c.put('in\\f', b'x')
            c.make_folder('in\\d')
        return os.stat(s.path('share', 'in', 'f')), os.stat(s.path('share', 'in', 'd'))


def modes(keys, before=None):
    return tuple(oct(stat.S_IMODE(x.st_mode)) for x in made(keys, before))


@case('masks')
def masks():
    for keys, right in (
            ('create mask = 0640\ndirectory mask = 0750', ('0o640', '0o750')),
            ('create mode = 0666\ndirectory mode = 0777', ('0o666', '0o777')),
            ('create mask = 0600\nforce create mode = 0110', ('0o710', None)),
            ('directory mask = 0700\nforce directory mode = 02070', (None, '0o2770'))):
        got = modes(keys)
        for i, r in enumerate(right):
            check(r in (None, got[i]), f'{keys!r}: {got}, right: {right}')


@case('setgid from the folder above stays')
def setgid():
    expect('the modes', modes('directory mask = 0750', lambda d: os.chmod(d, 0o2777)), ('0o644', '0o2750'),
           ('0o664', '0o2750'), ('0o640', '0o2750'))


@case('inherit permissions')
def inherited():
    keys = 'inherit permissions = yes\ncreate mask = 0600'
    for above, right in ((0o750, ('0o640', '0o750')), (0o2777, ('0o666', '0o2777')), (0o700, ('0o600', '0o700'))):
        expect(oct(above), modes(keys, lambda d, m=above: os.chmod(d, m)), right)


@case('force user, force group')
def forced():
    if os.geteuid() != 0:
        raise Skip('only root gives files away')
    user, group = pwd.getpwnam('daemon'), grp.getgrnam('daemon')
    for x in made('force user = daemon\nforce group = daemon\ncreate mask = 0640'):
        expect('whose they are', (x.st_uid, x.st_gid), (user.pw_uid, group.gr_gid))


@case('what is wrong is told')
def wrong():
    for key, value in (('create mask', '0888'), ('force create mode', '10000'), ('force user', 'no-such-user-here'),
                       ('force group', 'no-such-group-here')):
        s = Server(config=f'[share]\npath = @/share\n{key} = {value}\n')
        r = smbkit('check', s.path('smbkit.conf'))
        check(value in r.text, f'{key} = {value}: {r.text}')
        s._remove()


main()
