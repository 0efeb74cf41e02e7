# SPDX-License-Identifier: Apache-2.0
"""A read-only share refuses every change, and nothing changes (quick)."""
import os

from harness import DIALECTS, Server, case, check, digest, main, random_bytes, write_file
from read_only_state import state

REFUSED = ('NT_STATUS_ACCESS_DENIED', 'NT_STATUS_MEDIA_WRITE_PROTECTED')
CHANGES = ('put local new', 'put local file', 'mkdir new', 'del file', 'rmdir folder', 'rename file other',
           'rename folder other', 'setmode file +h', 'setmode file -a', 'hardlink file other',
           'utimes file 2001:01:01-01:01:01 -1 -1 -1', 'deltree folder', 'setea file a b')


def fill(s):
    write_file(s.path('shared', 'file'), random_bytes(10000))
    os.mkdir(s.path('shared', 'folder'))
    write_file(s.path('shared', 'folder', 'inner'), b'inner')
    write_file(s.path('local'), b'other bytes')


@case('smbclient, all dialects')
def smbclient():
    with Server('dir=@/shared', args=['--read-only']) as s:
        fill(s)
        before = state(s.path('shared'))
        for dialect in DIALECTS:
            for change in CHANGES:
                text = s.smbclient('dir', change, dialect=dialect).text
                check('NT_STATUS_' in text, f'{dialect} {change} went through:\n{text}')
            check(state(s.path('shared')) == before, f'{dialect}: the folder has changed: {before}')
        s.smbclient('dir', 'get file got').ok()
        check(digest(s.path('got')) == digest(s.path('shared', 'file')), 'other bytes')


def try_opens(s, share):
    """Each way of opening that could change something; those that went through."""
    from impacket.smb3 import SessionError
    c = s.impacket().getSMBServer()
    tree = c.connectTree(share)
    accesses = {'write': 0x2, 'append': 0x4, 'write attributes': 0x100, 'write EA': 0x10, 'delete': 0x10000,
                'write DAC': 0x40000, 'write owner': 0x80000, 'delete child': 0x40, 'generic write': 0x40000000,
                'generic all': 0x10000000}
    went = []
    for label, access in accesses.items():
        for name, options in (('file', 0x40), ('folder', 0x1)):
            try:
                c.create(tree, name, access | 0x80, 7, options, 1, 0)
                went.append((label, name))
            except SessionError:
                pass
    ways = {'supersede': (0x1, 0, 0), 'create': (0x1, 2, 0), 'open-if': (0x1, 3, 0), 'overwrite': (0x1, 4, 0),
            'overwrite-if': (0x1, 5, 0), 'delete on close': (0x10001, 1, 0x1000)}
    for label, (access, disposition, options) in ways.items():
        for name in ('file', 'fresh'):
            try:
                c.create(tree, name, access, 7, options | 0x40, disposition, 0)
                if not (label == 'open-if' and name == 'file'):
                    went.append((label, name))
            except SessionError:
                pass
    c.close_session()
    return went


@case('every access right and disposition')
def opens():
    with Server('dir=@/shared', args=['--read-only']) as s:
        fill(s)
        before = state(s.path('shared'))
        check(try_opens(s, 'dir') == [], try_opens(s, 'dir'))
        check(state(s.path('shared')) == before, 'the folder has changed')


@case('the same opens work on a share that is writable')
def control():
    with Server('dir=@/shared') as s:
        fill(s)
        check(len(try_opens(s, 'dir')) > 10, 'the scenario tests nothing')


main()
