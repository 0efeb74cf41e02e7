# SPDX-License-Identifier: Apache-2.0
"""Shares that scripts in Python make (smbkit-python-plugin(1)), from two lines to all operations (quick)."""
import os
import signal
import subprocess
import tempfile
import time

import rawbodies as b
from harness import PASSWORD, PROGRAM, TOP, USER, Server, Skip, case, check, check_in, check_logged, main, random_bytes, run, smbkit, wait_for, write_file
from rawclient import connect

EXAMPLES = os.path.join(TOP, 'docs', 'examples')
HELLO = '''import time
def tree():
    return {'hello.txt': 'Hello!\\n',
            'clock.txt': lambda: time.ctime() + '\\n',
            'numbers': {f'{n}.txt': str(n) for n in range(100)},
            'Grüße': lambda: {'ä' * 255: b'x'}}
'''


class Script:
    """A server with a share "s" of a script, beside one in memory."""

    def __init__(self, text, arguments='', **how):
        if not os.path.exists(os.path.join(os.path.dirname(PROGRAM), 'smbkit-python-plugin.so')):
            raise Skip('built without libpython3-dev')
        self.server = Server('mem:', **how)
        self.path = self.server.path('script.py')
        self.write(text)
        self.server.command.append(f's=python:script={self.path}{arguments}')

    def write(self, text):
        write_file(self.path + '.new', text.encode())
        os.replace(self.path + '.new', self.path)

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *what):
        return self.server.__exit__(*what)

    def connect(self, share='s', **how):
        return connect(self.server, share, **how)


def volume(methods, before='import smbkit'):
    return before + '\nclass Volume:\n' + ''.join('    ' + line + '\n' for line in methods.strip('\n').splitlines())


@case('a dict is a share')
def tree():
    with Script(HELLO) as s, s.connect() as c:
        check(c.names() == ['Grüße', 'clock.txt', 'hello.txt', 'numbers'], c.names())
        check(c.content('hello.txt') == b'Hello!\n' and c.content('HELLO.TXT') == b'Hello!\n')
        check(c.content('clock.txt')[-5:-1] == time.ctime()[-4:].encode(), c.content('clock.txt'))
        check(len(c.names('numbers')) == 100 and c.content('numbers\\42.txt') == b'42')
        check(c.names('Grüße') == ['ä' * 255] and c.content('Grüße\\' + 'ä' * 255) == b'x')
        for path, wanted in (('no', 'OBJECT_NAME_NOT_FOUND'), ('no\\x', 'OBJECT_PATH_NOT_FOUND'),
                             ('hello.txt\\x', 'OBJECT_PATH_NOT_FOUND'), ('numbers', 'FILE_IS_A_DIRECTORY')):
            got = c.try_open(path, options=b.NO_FOLDER, access=1) if path == 'numbers' else c.try_open(path, access=1)
            check(got == wanted, path, got)
        check(c.try_open('new', disposition=b.CREATE_NEW) in ('ACCESS_DENIED', 'MEDIA_WRITE_PROTECTED'))
        s.server.smbclient('s', 'ls').ok()


@case('a script is served by its name alone')
def by_name():
    with tempfile.TemporaryDirectory() as d:
        path = write_file(d + '/hello.py', HELLO.encode())
        if not os.path.exists(os.path.join(os.path.dirname(PROGRAM), 'smbkit-python-plugin.so')):
            raise Skip('built without libpython3-dev')
        r = run([PROGRAM, 'serve', '--control-socket', d + '/control', '--run', 'echo $SMBKIT_URI', path])
    check(r.code == 0 and r.text.endswith('/hello\n'), r.code, r.text)


@case('files of the host, read by ranges; written files are saved or refused')
def values():
    text = '''import pathlib, smbkit
writable = True
kept = [b'first']
def save(content):
    if b'bad' in content:
        raise smbkit.Error('DATA_ERROR')
    kept[0] = content
def tree():
    return {'host': pathlib.Path(args['folder']), 'gone': pathlib.Path('/nowhere'),
            'big': smbkit.File(size=1 << 40, read=lambda offset, length: bytes([offset >> 16 & 255]) * length),
            'note': smbkit.File(lambda: kept[0], save=save, mtime=1000000000)}
'''
    s = Script(text)
    folder = s.server.make_folder('host')
    os.makedirs(folder + '/sub')
    data = random_bytes(300000)
    write_file(folder + '/sub/f', data)
    os.mkfifo(folder + '/pipe')
    s.server.command[-1] += f',folder={folder},keep=0'
    with s, s.connect() as c:
        check(c.names() == ['big', 'gone', 'host', 'note'], c.names())
        f = c.opened('host\\sub\\f', access=0x120089)
        check(c.read(f, 65536, 200000) == data[200000:265536] and c.read(f, 65536, 290000) == data[290000:])
        check(c.try_open('host\\pipe', access=0x120089) != 'OK')
        check(c.try_open('gone') == 'OBJECT_NAME_NOT_FOUND')
        f = c.opened('big', access=0x120089)
        check(c.read(f, 4, 7 << 16) == b'\7\7\7\7' and c.read(f, 100, (1 << 40) - 4) == b'\xff' * 4)
        check(c.try_open('big', access=2) == 'ACCESS_DENIED')
        reader = c.opened('note', access=0x120089)
        f = c.opened('note', access=0x12019f)
        check(c.write(f, b'second', 3) == 'OK')
        check(c.read(f, 100) == b'firsecond' and c.read(reader, 100) == b'first')
        check(c.close(f) == 'OK' and c.content('note') == b'firsecond')
        f = c.opened('note', access=0x12019f, disposition=b.OVERWRITE)
        check(c.write(f, b'bad') == 'OK' and c.close(f) == '0xc000003e')
        check(c.content('note') == b'firsecond')
        check_logged('file not committed', s.server)


@case('all operations: docs/examples/files.py')
def operations():
    with open(EXAMPLES + '/files.py', encoding='utf-8') as f:
        text = f.read()
    with Script(text, ',megabytes=1') as s:
        folder = s.server.make_folder('local')
        for i in range(30):
            write_file(f'{folder}/{i}', random_bytes(i * 1000, i))
        got = s.server.make_folder('got')
        s.server.smbclient('s', f'prompt; mkdir d; cd d; lcd {folder}; mput *; lcd {got}; mget *').ok()
        for i in range(30):
            with open(f'{got}/{i}', 'rb') as f:
                check(f.read() == random_bytes(i * 1000, i), i)
        with s.connect() as c:
            check(len(c.names('d')) == 30)
            check(c.move('d', 'e', options=b.FOLDER) == 'OK' and c.names() == ['e'])
            check(c.content('e\\7') == random_bytes(7000, 7))
            check(c.move('e\\7', 'e\\8') == 'OBJECT_NAME_COLLISION' and c.move('e\\7', 'e\\8', replace=True) == 'OK')
            check(c.content('e\\8') == random_bytes(7000, 7) and c.content('e\\7') == 'OBJECT_NAME_NOT_FOUND')
            check(c.remove('e', b.FOLDER) == 'DIRECTORY_NOT_EMPTY')
            f = c.opened('e\\full', disposition=b.CREATE_NEW, access=0x12019f)
            check(c.write(f, bytes(60000), 1 << 20) == 'DISK_FULL')
            check(c.set_attributes('e\\full', 0x2) == 'OK' and c.attributes('e\\full') & 2)
            check(c.close(f) == 'OK' and c.remove_tree('e') == 'OK' and c.names() == [], c.names())


@case('what is raised is what the client is answered')
def exceptions():
    rows = (('FileNotFoundError()', 'OBJECT_NAME_NOT_FOUND'), ('PermissionError(path)', 'ACCESS_DENIED'),
            ('OSError(28, "full")', 'DISK_FULL'), ('smbkit.Error("SHARING_VIOLATION")', 'SHARING_VIOLATION'),
            ('MemoryError()', '0xc0000017'), ('NotImplementedError()', 'NOT_SUPPORTED'), ('KeyError(path)', '0xc0000185'),
            ('SystemExit(3)', '0xc0000185'), ('KeyboardInterrupt()', '0xc0000185'), ('smbkit.Error(0)', '0xc0000185'))
    text = volume(f'''
errors = [{", ".join("lambda path: " + r[0] for r in rows)}]
def stat(self, path):
    return smbkit.File(size=1) if path else smbkit.Folder()
def list(self, path):
    print('listed', file=__import__('sys').stderr)
    return [str(i) for i in range(len(self.errors))]
def open(self, path, write):
    raise self.errors[int(path)](path)
''')
    with Script(text) as s, s.connect() as c:
        check(len(c.names()) == len(rows))
        for i, (raised, wanted) in enumerate(rows):
            check(c.try_open(str(i), access=1) == wanted, raised, c.try_open(str(i), access=1))
        check(c.try_open('3', access=0x80) == 'OK')
        check_logged('KeyError', s.server)
        check_logged('python "listed"', s.server)


@case('what a function returns that it should not harms its call alone')
def nonsense():
    text = volume('''
def stat(self, path):
    kinds = {'': smbkit.Folder(), 'none': None, 'text': 'x', 'size': smbkit.File(size=-1), 'huge': smbkit.File(size=1 << 70),
             'time': smbkit.File(size=1, mtime=1e300), 'long': smbkit.File(size=4), 'str': smbkit.File(size=4)}
    return kinds.get(path)
def list(self, path):
    return 7
def read(self, handle, offset, length):
    return b'x' * (length + 1) if handle == 'long' else 'text'
''')
    with Script(text) as s, s.connect() as c:
        for path in ('text', 'size', 'huge', 'time'):
            check(c.try_open(path) not in ('OK', 'Closed'), path)
        for path in ('long', 'str'):
            f = c.opened(path, access=1)
            check(isinstance(c.read(f, 4), str), path)
            c.close(f)
        f = c.opened('', access=b.LIST, options=b.FOLDER)
        while (r := c.query_folder(f)).status == 0:
            pass
        check(r.name == '0xc0000185', r.name)
        check(c.echo().name == 'OK')


@case('one value or name that cannot be harms none beside it')
def neighbours():
    text = '''import smbkit
def leave():
    raise SystemExit
bad = {'exit': leave, 'float': smbkit.File(size=1.5, read=lambda offset, length: b''), 'id': smbkit.File('x', id='7'),
       'huge': smbkit.File(size=1 << 63, read=lambda offset, length: b''), 'time': smbkit.File('x', mtime=1e300), 'none': None}
names = {'zero\\0': 'x', 7: 'x', None: 'x', b'bytes': 'x', '\\ud800': 'x', 'a/b': 'x', '..': 'x', 'long' * 100: 'x'}
def tree():
    return {**{'bad ' + name: {name: value, 'good': 'x'} for name, value in bad.items()},
            **{f'name {n}': {name: 'x', 'good': 'x'} for n, name in enumerate(names)}}
'''
    with Script(text) as s, s.connect() as c:
        for name in ('exit', 'float', 'id', 'huge', 'time', 'none'):
            check(c.names('bad ' + name) == sorted([name, 'good']), name, c.names('bad ' + name))
            check(isinstance(c.content(f'bad {name}\\{name}'), str), name)
            check(c.content(f'bad {name}\\good') == b'x', name)
        for n in range(8):
            check(c.names(f'name {n}') == ['good'], n, c.names(f'name {n}'))


@case('a volume ends when nothing of it is open any more')
def replaced():
    text = volume('''
is_over = False
def stat(self, path):
    return smbkit.File(size=3) if path else smbkit.Folder()
def list(self, path):
    return ['a']
def read(self, handle, offset, length):
    return b'old' if not self.is_over else None
def end(self):
    self.is_over = True
    smbkit.log('it has ended')
''')
    with Script(text) as s, s.connect() as c:
        f = c.opened('a', access=1)
        s.write(text.replace("b'old'", "b'new'"))
        wait_for(lambda: c.content('a') == b'new', 20, 'the new one')
        check(c.read(f, 3) == b'old')
        check('it has ended' not in s.server.log())
        c.close(f)
        check_logged('it has ended', s.server)


@case('a volume does not end before the calls of it that are under way')
def replaced_at_work():
    with tempfile.TemporaryDirectory() as d:
        text = volume(f'''
def note(self, name):
    open({d!r} + '/' + name, 'w').close()
def wait(self, name):
    self.note(name)
    while not os.path.exists({d!r} + '/go ' + name):
        time.sleep(0.01)
def stat(self, path):
    return smbkit.File(size=3) if path else smbkit.Folder()
def list(self, path):
    return []
def open(self, path, write):
    if path == 'opened late':
        self.wait('opening')
    return path
def close(self, handle):
    if handle == 'closed late':
        self.wait('closing')
def read(self, handle, offset, length):
    return b'old'
def end(self):
    self.note('ended')
    raise RuntimeError('its end has failed')
''', 'import os, smbkit, time')
        noted = lambda name: os.path.exists(f'{d}/{name}')
        with Script(text, ',threads=8') as s, s.connect() as opens, s.connect() as closes, s.connect() as other:
            late = closes.opened('closed late', access=1)
            last = other.opened('last', access=1)
            opening = opens.send(b.CREATE, b.create('opened late', access=1))
            wait_for(lambda: noted('opening'), 60, 'the open')
            s.write(text.replace("b'old'", "b'new'").replace("'ended'", "'ended too'"))
            wait_for(lambda: other.content('x') == b'new', 60, 'the new one')
            closing = closes.send(b.CLOSE, b.close(late))
            wait_for(lambda: noted('closing'), 60, 'the close')
            other.close(last)
            check(not noted('ended'), 'ended while a file of it is being closed')
            write_file(d + '/go closing', b'')
            r = closes.receive(closing, 60)
            check(r is not None and r.status == 0, r)
            check(not noted('ended'), 'ended while a file of it is being opened')
            write_file(d + '/go opening', b'')
            r = opens.receive(opening, 60)
            check(r is not None and r.status == 0 and not noted('ended'), r)
            opens.close(r.file_id)
            wait_for(lambda: noted('ended'), 60, 'the end')
            check_logged('its end has failed', s.server)
            check(other.content('x') == b'new' and not noted('ended too'))


@case('the server can be stopped while a script is loaded that has no end')
def endless():
    if not os.path.exists(os.path.join(os.path.dirname(PROGRAM), 'smbkit-python-plugin.so')):
        raise Skip('built without libpython3-dev')
    for number in (signal.SIGINT, signal.SIGTERM):
        with tempfile.TemporaryDirectory() as d:
            path = write_file(d + '/script.py', f"open('{d}/begun', 'w').close()\nwhile True: pass\n".encode())
            with subprocess.Popen([PROGRAM, 'serve', '--listen', '127.0.0.1:0', f'python:script={path}'], stderr=subprocess.PIPE, text=True) as p:
                try:
                    wait_for(lambda d=d: os.path.exists(d + '/begun'), 60, 'the script')
                    p.send_signal(number)
                    _, text = p.communicate(timeout=60)
                finally:
                    p.kill()
            check(p.returncode == 1 and 'stopped before all shares were open' in text, p.returncode, text)


@case('the script is loaded again when its file changes, and a broken one is not')
def reload():
    with Script(HELLO) as s, s.connect() as c:
        old = c.opened('hello.txt', access=1)
        s.write(HELLO.replace('Hello!', 'Good day!'))
        wait_for(lambda: c.content('hello.txt') == b'Good day!\n', 20, 'the new one')
        check(c.read(old, 100) == b'Hello!\n')
        s.write('def tree(:')
        wait_for(lambda: c.content('hello.txt') and 'not loaded again' in s.server.log(), 20, 'the look')
        check(c.content('hello.txt') == b'Good day!\n')
        s.write(HELLO)
        wait_for(lambda: c.content('hello.txt') == b'Hello!\n', 20, 'the third one')


@case('a script that takes long to be loaded again keeps nobody waiting')
def slow_reload():
    with tempfile.TemporaryDirectory() as d, Script(HELLO) as s, s.connect() as c, s.connect() as other:
        check(c.content('hello.txt') == b'Hello!\n')
        s.write(f'''import os, time
open({d!r} + '/begun', 'w').close()
while not os.path.exists({d!r} + '/go'):
    time.sleep(0.05)
''' + HELLO.replace('Hello!', 'Good day!'))

        def begun():
            other.send(b.CREATE, b.create('hello.txt', access=1))  # the one that loads it waits
            return os.path.exists(d + '/begun')
        wait_for(begun, 20, 'the look')
        for _ in range(3):
            check(c.content('hello.txt') == b'Hello!\n')
        with open(d + '/go', 'wb'):
            pass
        wait_for(lambda: c.content('hello.txt') == b'Good day!\n', 20, 'the new one')
        os.remove(s.path)
        for _ in range(3):
            time.sleep(1.1)  # it is looked at once a second
            check(c.content('hello.txt') == b'Good day!\n')
        check(s.server.log().count('not loaded again') == 1)


@case('changes that the script tells wake those who watch')
def changes():
    text = '''import smbkit
names = {'a': b'1'}
def tree():
    return names
def add(n=[0]):
    n[0] += 1
    names[f'new{n[0]}'] = b'2'
    smbkit.changed(f'new{n[0]}', smbkit.ADDED)
    return str(n[0])
names['add'] = add
'''
    with Script(text, ',keep=0') as s, s.connect() as c, s.connect() as other:
        folder = c.opened('', access=b.LIST, options=b.FOLDER)
        mid = c.send(b.CHANGE_NOTIFY, b.change_notify(folder, 3))
        c.await_interim(mid)
        other.content('add')
        r = c.receive(mid, 20)
        check(r is not None and r.status == 0, 'not told')
        check(b.changes(r.buffer())[0][1].startswith('new'), b.changes(r.buffer()))


@case('calls of several clients run at a time, and one that waits does not stop the others')
def threads():
    text = volume('''
barrier = __import__('threading').Barrier(4, timeout=20)
def stat(self, path):
    return smbkit.File(size=1) if path else smbkit.Folder()
def list(self, path):
    return []
def read(self, handle, offset, length):
    self.barrier.wait()
    return b'x'
''')
    with Script(text, ',threads=8') as s:
        clients = [s.connect() for _ in range(4)]
        files = [c.opened('f', access=1) for c in clients]
        mids = [c.send(b.READ, b.read(f, 1)) for c, f in zip(clients, files)]
        with s.connect('mem') as other:
            other.put('x', b'1')
        for c, mid in zip(clients, mids):
            r = c.receive(mid, 20)
            while r is not None and r.name == 'PENDING':
                r = c.receive(mid, 20)
            check(r is not None and r.status == 0, r and r.name)
            c.drop()


@case('one whose calls hang leaves others as many threads as he has')
def shares():
    text = volume('''
go = __import__('threading').Event()
def stat(self, path):
    return smbkit.File(size=1) if path else smbkit.Folder()
def list(self, path):
    return []
def read(self, handle, offset, length):
    if handle == 'hangs':
        self.go.wait()
    if handle == 'go':
        self.go.set()
    return b'x'
''')
    with Script(text, ',threads=4', users=((USER, PASSWORD), ('bob', PASSWORD))) as s, s.connect() as c, s.connect(user='bob') as other:
        f = c.opened('hangs', access=1)
        mids = [c.send(b.READ, b.read(f, 1)) for _ in range(20)]
        for _ in range(20):
            check(other.content('a') == b'x')
        check(other.content('go') == b'x')
        for mid in mids:
            r = c.receive(mid, 60)
            while r is not None and r.name == 'PENDING':
                r = c.receive(mid, 60)
            check(r is not None and r.status == 0, r and r.name)


@case('a call that was given up before the script came to it is not made')
def cancel():
    text = volume('''
reads = []
def __init__(self, gate):
    self.gate = gate
def stat(self, path):
    return smbkit.File(size=1) if path else smbkit.Folder()
def list(self, path):
    return []
def read(self, handle, offset, length):
    self.reads.append(handle)
    until = time.monotonic() + 60
    while handle == 'first' and not os.path.exists(self.gate) and time.monotonic() < until:
        time.sleep(0.01)
    return str(len(self.reads)).encode()
''')
    s = Script(text.replace('import smbkit', 'import os, time, smbkit'), ',threads=1')
    gate = s.server.path('gate')
    s.server.command[-1] += f',gate={gate}'
    with s, s.connect() as c, s.connect() as other:
        first, second = c.opened('first', access=1), c.opened('second', access=1)
        mid = c.send(b.READ, b.read(first, 1))
        c.await_interim(mid)
        late = c.send(b.READ, b.read(second, 1))
        c.await_interim(late)
        c.cancel(async_id=c.interim[late])
        r = c.receive(late, 20)
        check(r is not None and r.name == 'CANCELLED', r and r.name)
        write_file(gate, b'')
        check(other.content('third') == b'2')  # after the first, which the one thread is at; and not the second
        check(c.receive(mid, 20).status == 0)


@case('who asks, and arguments for the script')
def who():
    text = '''import smbkit
def tree():
    return {'me': smbkit.File(size=100, read=lambda o, n: f"{smbkit.who().user} {args['greeting']}"[o:o + n].encode())}
'''
    with Script(text, ',greeting=good,, day') as s, s.connect() as c:
        check(c.content('me') == f'{USER} good, day'.encode(), c.content('me'))


@case('a script that cannot be used is told with its line')
def broken():
    for text, words in (('def tree(:', 'line 1: invalid syntax'), ('x = 1', 'neither a function tree() nor a class Volume'),
                        ('\nimport nowhere_at_all', 'line 2: ModuleNotFoundError'), ('tree = 1 / 0', 'line 1: ZeroDivisionError'),
                        ('raise SystemExit', 'line 1: SystemExit')):
        with tempfile.TemporaryDirectory() as d:
            path = write_file(d + '/script.py', text.encode())
            r = smbkit('serve', '--listen', '127.0.0.1:0', f'python:script={path}')
        check(r.code == 1, r.code, r.text)
        check_in(words, r.text)
    with tempfile.TemporaryDirectory() as d:
        hello = write_file(d + '/hello.py', HELLO.encode())
        for arguments, words in (('', 'script=FILE is missing'), ('script=/nowhere', 'No such file'),
                                 ('script=/etc/hostname,threads=0', 'threads'), (f'script={EXAMPLES}/files.py,mega=1', 'mega'),
                                 (f'script={hello},colour=blue', 'there is no argument "colour": the script looks at none')):
            r = smbkit('serve', '--listen', '127.0.0.1:0', f'python:{arguments}')
            check(r.code == 1 and words in r.text, r.code, r.text)


main()
