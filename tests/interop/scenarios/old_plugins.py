# SPDX-License-Identifier: Apache-2.0
"""Plugins that were built for older (and newer) headers: loaded, or refused in plain words (quick)."""
import os
import platform

from harness import PASSWORD, PROGRAM, TOP, USER, Server, Skip, case, check, check_in, main, smbkit

FOLDER = os.path.join(os.path.dirname(PROGRAM), 'tests', 'old-plugins')
KEPT = os.path.join(TOP, 'tests', 'old-plugins', platform.machine())


def loads(name, folder=FOLDER):
    if not os.path.isdir(folder):
        raise Skip(f'none is kept for {platform.machine()}')
    with Server(f'{name}:', args=['--plugin-dir', folder]) as s:
        text = s.smbclient(name, 'ls; get hello.txt got; ls hello.txt').ok()
        check_in('hello.txt', text)
        with open(s.path('got'), encoding='ascii') as f:
            check(f.read() == 'Hello from an older build.\n', 'other bytes')
        for change in ('put got new', 'del hello.txt', 'mkdir x'):
            check('NT_STATUS_' in s.smbclient(name, change).text, f'{change} went through')
        use_what_is_absent(s, name)
        check_in('one file, for a test', smbkit('plugins', '--plugin-dir', folder).text)


def use_what_is_absent(s, name):
    """Flush and notify: what short.c lacks, with traps behind its end."""
    from impacket.smb3 import SessionError
    c = s.impacket().getSMBServer()
    tree = c.connectTree(name)
    f = c.create(tree, 'hello.txt', 0x1, 7, 0x40, 1, 0)
    try:
        c.flush(tree, f)
    except SessionError:
        pass  # an answer, whatever it says
    check(c.read(tree, f, 0, 5) == b'Hello', 'read')
    with s.session(name) as watcher:
        watcher.do('ls')
        watcher.send('notify .')
        watcher.wait_quietly(0.3)
    check_in('hello.txt', s.smbclient(name, 'ls').ok())


def refused(name, *words):
    r = smbkit('serve', '--listen', '127.0.0.1:0', '--user', f'{USER}:{PASSWORD}', '--plugin-dir', FOLDER, f'{name}:')
    check(r.code == 1, r.code, r.text)
    for w in words:
        check_in(w, r.text)


case('of the first release', 'full')(loads)
case('a build that is kept', 'kept', KEPT)(loads)
case('a build in C++ that is kept', 'kept-cxx', KEPT)(loads)
case('with a shorter struct', 'short')(loads)
case('with a longer struct', 'longer')(loads)
case('without what is required', 'tiny', 'tiny', 'missing')(refused)
case('of another ABI version', 'future', 'version 2')(refused)


main()
