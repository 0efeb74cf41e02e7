# SPDX-License-Identifier: Apache-2.0
"""The encrypt filter: nothing of names and data is told below, and what was changed there is noticed (quick)."""
import json
import os

from harness import Server, case, check, check_logged, expect, free_port, main, smbkit
from rawclient import connect

SECRET = b'a very plain text that nobody else may read. ' * 500


def make_key(folder):
    path = os.path.join(folder, 'key')
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'wb') as f:
        f.write(os.urandom(32))


class Encrypting(Server):
    """A server whose key is made before it starts."""

    def __init__(self):
        super().__init__(config='[docs]\npath = @/share\nread only = no\nfilter = encrypt:key=@/keys/key\n')
        make_key(self.path('keys'))


def all_below(s):
    """Paths and contents of all that lies in the folder."""
    found = {}
    for folder, _, files in os.walk(os.path.join(s.folder, 'share')):
        for name in files:
            path = os.path.join(folder, name)
            with open(path, 'rb') as f:
                found[path] = f.read()
    return found


def status(s):
    r = smbkit('control', '--socket', s.control, 'docs', 'status', 'json')
    expect('status: exit code', r.code, 0)
    return json.loads(r.text)


@case('nothing is told below')
def hidden():
    with Encrypting() as s, connect(s, 'docs') as c:
        c.make_folder('Ledgers')
        c.put('Ledgers\\Winter 2025.txt', SECRET)
        expect('as it was', c.content('ledgers\\WINTER 2025.TXT'), SECRET)
        c.move('Ledgers\\Winter 2025.txt', 'Ledgers\\Summer.txt')
        expect('moved', c.content('Ledgers\\Summer.txt'), SECRET)
        below = all_below(s)
        check(len(below) == 2, f'the file and the check file: {list(below)}')
        for path, data in below.items():
            check(not any(w in path.lower() for w in ('ledger', 'winter', 'summer')), path)
            check(b'plain' not in data, f'{path} tells')


@case('smbclient puts, lists and gets')
def with_smbclient():
    with Encrypting() as s:
        path = os.path.join(s.folder, 'up')
        with open(path, 'wb') as f:
            f.write(SECRET * 20)
        r = s.smbclient('docs', f'put {path} up; mkdir d; rename up d\\up; ls d\\*; get d\\up {path}.back')
        expect('smbclient', r.code, 0)
        check(str(len(SECRET) * 20) in r.text, r.text)
        with open(path + '.back', 'rb') as f:
            check(f.read() == SECRET * 20, 'it came back as it was')


@case('what was changed below is noticed')
def tampered():
    with Encrypting() as s, connect(s, 'docs') as c:
        c.put('a', SECRET)
        path = max(all_below(s).items(), key=lambda e: len(e[1]))[0]
        with open(path, 'r+b') as f:
            f.seek(80 + 4124 + 100)
            was = f.read(1)
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([was[0] ^ 1]))
        f = c.opened('a', access=3)
        expect('another block', c.read(f, 4096), SECRET[:4096])
        expect('that block', c.read(f, 10, 5000), '0xc000003e')  # DATA_ERROR
        check_logged('encrypt_damaged file="a" stream=no block=1', s)
        expect('a whole block is written', c.write(f, SECRET[4096:8192], 4096), 'OK')
        expect('and good', c.read(f, 10, 5000), SECRET[5000:5010])
        c.close(f)
        expect('told', status(s)['damaged'], 1)


@case('another key')
def another_key():
    with Encrypting() as s:
        with connect(s, 'docs') as c:
            c.put('a', SECRET)
        key = s.path('keys', 'key')
        os.rename(key, key + '.good')
        make_key(s.path('keys'))
        r = smbkit('serve', '--listen', f'127.0.0.1:{free_port()}', '--filter', f'encrypt:key={key}', os.path.join(s.folder, 'share'))
        check(r.code != 0, 'it does not start')
        check('is not the key' in r.text, r.text)
        os.rename(key + '.good', key)


@case('the key is changed')
def key_changed():
    with Encrypting() as s:
        key = s.path('keys', 'key')
        with connect(s, 'docs') as c:
            c.put('before', SECRET)
            f = c.opened('before', access=3)
            os.rename(key, key + '.old')
            make_key(s.path('keys'))
            r = smbkit('control', '--socket', s.control, 'docs', 'key', key)
            expect(f'exit code of "{r.text}"', r.code, 0)
            check_logged('encrypt_key_changed', s)
            expect('what is open', c.read(f, 4096), SECRET[:4096])
            c.close(f)
            c.put('after', SECRET)
        s.stop()
        r = smbkit('serve', '--listen', f'127.0.0.1:{free_port()}', '--filter', f'encrypt:key={key}.old', os.path.join(s.folder, 'share'))
        check(r.code != 0 and 'is not the key' in r.text, r.text)
        s.start()
        with connect(s, 'docs') as c:
            for name in ('before', 'after'):
                expect(name, c.content(name), SECRET)


@case('a restart')
def restart():
    with Encrypting() as s:
        with connect(s, 'docs') as c:
            c.put('Old', SECRET)
        s.stop()
        s.start()
        with connect(s, 'docs') as c:
            expect('as it was', c.content('oLD'), SECRET)


main()
