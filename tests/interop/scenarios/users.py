# SPDX-License-Identifier: Apache-2.0
"""Whose files they are: several users, several starts."""
import os
import re
import subprocess
import tempfile

from harness import PASSWORD, PROGRAM, USER, Server, case, check, check_in, main, smbkit, write_file

ANN, BOB = ('ann', 'A secret 1'), ('bob', 'A secret 2')


def put(s, share, who, name, text):
    local = write_file(s.path('local'), text.encode())
    return s.smbclient(share, f'put {os.path.basename(local)} {name}', user=who[0], password=who[1])


def get(s, share, who, name):
    r = s.smbclient(share, f'get {name} got', user=who[0], password=who[1])
    if r.code != 0 or 'NT_STATUS' in r.text:
        return r.text
    with open(s.path('got'), encoding='ascii') as f:
        return f.read()


@case('users of a share write each other\'s files')
def together():
    for share in ('mem:', 'mem=@/folder'):
        with Server(share, users=(ANN, BOB)) as s:
            s.smbclient('mem', 'mkdir papers', user=ANN[0], password=ANN[1]).ok()
            for first, second in ((ANN, BOB), (BOB, ANN)):
                put(s, 'mem', first, 'papers/file', first[0]).ok()
                put(s, 'mem', second, 'papers/file', second[0]).ok()
                check(get(s, 'mem', first, 'papers/file') == second[0], 'not what the other wrote')
                s.smbclient('mem', 'del papers\\file', user=second[0], password=second[1]).ok()


def private(folder):
    return f'[papers]\npath = {folder}\nread only = no\nnew files = private\n'


def add(path, who):
    r = smbkit('user', 'add', who[0], '--file', path, '--password-file', '-', stdin=who[1] + '\n')
    check(r.code == 0, r.text)


@case('private files stay whose they are, in whatever order users are added')
def order():
    with tempfile.TemporaryDirectory(prefix='smbkit-test-') as folder:
        identity = ''
        for users in ((ANN, BOB), (BOB, ANN)):
            s = Server(config=private(folder))
            path = s.path('users')
            add(path, users[0])
            add(path, users[1])
            with open(path, encoding='ascii') as f:
                lines = f.read().splitlines()
            # The identity is what another host needs besides the names.
            identity = identity or next(x for x in lines if x.startswith('!identity:'))
            lines = [identity if x.startswith('!identity:') else x for x in lines]
            write_file(path, ('\n'.join(lines) + '\n').encode())
            with s:
                if users[0] == ANN:
                    put(s, 'papers', ANN, 'file', 'mine').ok()
                check(get(s, 'papers', ANN, 'file') == 'mine', get(s, 'papers', ANN, 'file'))
                check_in('NT_STATUS_ACCESS_DENIED', get(s, 'papers', BOB, 'file'))


@case('a private file in the root of the share is not deleted or renamed by others')
def not_by_others():
    with tempfile.TemporaryDirectory(prefix='smbkit-test-') as folder, \
            Server(config=private(folder)) as s:
        add(s.path('users'), ANN)
        add(s.path('users'), BOB)
        put(s, 'papers', ANN, 'file', 'mine').ok()
        write_file(os.path.join(folder, 'bare'), b'of the host: no descriptor')
        for command in ('del file', 'rename file away', 'rename bare file -f'):
            text = s.smbclient('papers', command, user=BOB[0], password=BOB[1]).text
            check_in('NT_STATUS_ACCESS_DENIED', text)
        check(get(s, 'papers', ANN, 'file') == 'mine', os.listdir(folder))
        s.smbclient('papers', 'del bare', user=BOB[0], password=BOB[1]).ok()
        s.smbclient('papers', 'rename file moved; del moved', user=ANN[0], password=ANN[1]).ok()
        check(not os.listdir(folder), os.listdir(folder))


@case('users that are added at the same time are all there')
def at_once():
    with tempfile.TemporaryDirectory() as folder:
        users, password = os.path.join(folder, 'users'), write_file(os.path.join(folder, 'pw'), b'Some words 1\n')
        command = [PROGRAM, 'user', 'add', '--file', users, '--password-file', password]
        adding = [subprocess.Popen([*command, f'user{i}']) for i in range(8)]
        check([p.wait(60) for p in adding] == [0] * 8, 'some were not added')
        listed = smbkit('user', 'list', '--file', users).ok()
        check(listed.count('user') == 8, listed)


@case('another users file knows other users of the same names')
def strangers():
    with tempfile.TemporaryDirectory(prefix='smbkit-test-') as folder:
        with Server(config=private(folder)) as s:
            put(s, 'papers', (USER, PASSWORD), 'file', 'mine').ok()
        with Server(config=private(folder)) as s:
            check_in('NT_STATUS_ACCESS_DENIED', get(s, 'papers', (USER, PASSWORD), 'file'))


@case('serve: the SID comes from the name')
def sids():
    seen = []
    for users in ((ANN, BOB), (BOB, ANN)):
        with Server('mem:', users=users) as s:
            put(s, 'mem', ANN, 'file', 'x').ok()
            text = s.smbclient('mem', 'showacls; ls file', user=ANN[0], password=ANN[1]).ok()
            found = re.search(r'owner.*?(S-1-5-21[-0-9]+)', text, re.I)
            check(found, text)
            seen.append(found.group(1))
    check(seen[0] == seen[1], seen)


main()
