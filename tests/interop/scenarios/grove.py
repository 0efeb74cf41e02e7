# SPDX-License-Identifier: Apache-2.0
"""A plugin on a tree in C++, built by plain g++, whose callbacks all answer later, from its own thread (quick)."""
import os
import re
import shutil
import subprocess
import tempfile
import threading

import rawbodies as b
from harness import TOP, Server, case, check, expect, main
from rawclient import connect

READ = 0x120089


def build():
    folder = tempfile.mkdtemp(prefix='smbkit-grove-')
    sanitized = re.search(r'build-(asan|tsan)', os.environ.get('SMBKIT_PROGRAM', ''))
    flags = {'tsan': ['-fsanitize=thread']}.get(sanitized.group(1) if sanitized else '', [])
    subprocess.run(['g++', '-std=c++17', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', *flags,
                    '-I' + os.path.join(TOP, 'include'), os.path.join(TOP, 'tests/plugins/grove.cc'),
                    '-o', os.path.join(folder, 'smbkit-grove-plugin.so')], check=True)
    return folder


FOLDER = build()


def served():
    return Server(config='[g]\nplugin = grove:\nread only = no\n', settings=f'plugin dir = {FOLDER}\n')


def use(c, name):
    """Every operation on a file of that name."""
    expect('make', c.try_open(name, disposition=b.CREATE_NEW), 'OK')
    c.put(name, b'first')
    expect('content', c.content(name), b'first')
    f = c.opened(name, disposition=b.OPEN)
    expect('write', c.write(f, b' and more', 5), 'OK')
    expect('flush', c.flush(f), 'OK')
    expect('cut', c.set_size(f, 9), 'OK')
    expect('size', c.read(f, 100), b'first and')
    expect('close', c.close(f), 'OK')
    expect('kept', c.content(name), b'first and')
    expect('attributes', c.set_attributes(name, 2), 'OK')
    expect('hidden', c.attributes(name) & 2, 2)
    to = f'new {name}'
    expect('rename', c.move(name, to), 'OK')
    expect('content by the new name', c.content(to), b'first and')
    expect('delete', c.remove(to), 'OK')
    expect('gone', c.try_open(to, access=READ), 'OBJECT_NAME_NOT_FOUND')


@case('every callback')
def every():
    with served() as s, connect(s, 'g') as c:
        expect('listed', c.names(), ['a', 'asked', 'b\uf022', 'x'])
        expect('loaded', c.content('A'), b'text of a')
        expect('read', c.content('x'), b'text of x')
        expect('mangled', c.content('b\uf022'), b'text of b')
        expect('made', c.content('made by its name'), b'made by its name')
        expect('missed', c.try_open('nothing', access=READ), 'OBJECT_NAME_NOT_FOUND')
        use(c, 'whole')
        use(c, 'by calls x')
        f = c.opened('a', disposition=b.OPEN)
        c.write(f, b'wrong')
        expect('refused', c.close(f), 'DISK_FULL')
        expect('as it was', c.content('a'), b'text of a')
        asked = set(c.content('asked').decode().split())
        expect('asked', asked, {'root', 'fill', 'lookup', 'missed', 'create', 'rename', 'remove', 'setattr', 'load', 'stat',
                                'commit', 'open', 'read', 'write', 'set_size', 'flush'})


@case('many at once, and the end in the middle of it')
def many():
    with served() as s:
        wrong = []

        def work(number):
            try:
                with connect(s, 'g', timeout=60) as c:
                    for i in range(5):
                        use(c, f'{number} {i}{"x" * (i % 2)}')
            except Exception as e:
                wrong.append(f'{number}: {e!r}')
        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)
        expect('wrong', wrong, [])
        with connect(s, 'g') as c:
            check(c.names() == ['a', 'asked', 'b\uf022', 'x'], c.names())
            for _ in range(20):
                c.send(b.CREATE, b.create('nothing', access=READ))


try:
    main()
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
