# SPDX-License-Identifier: Apache-2.0
"""Git repositories as shares (smbkit-git-plugin(1)), byte for byte what git says (quick)."""
import os
import random
import shutil
import subprocess
import threading

import rawbodies as b
from harness import PROGRAM, Server, Skip, case, check, check_in, check_logged, main, random_bytes, smbkit, wait_for, write_file
from rawclient import connect

BROKEN = '0xc000003e'  # DATA_ERROR
ENV = {'GIT_CONFIG_GLOBAL': '/dev/null', 'GIT_CONFIG_SYSTEM': '/dev/null', 'GIT_AUTHOR_NAME': 'a', 'GIT_AUTHOR_EMAIL': 'a@example.org',
       'GIT_COMMITTER_NAME': 'a', 'GIT_COMMITTER_EMAIL': 'a@example.org', 'HOME': '/nonexistent'}


class Repository:
    """A server with a share "g" of a repository."""

    def __init__(self, *arguments, bare=False):
        if not os.path.exists(os.path.join(os.path.dirname(PROGRAM), 'smbkit-git-plugin.so')):
            raise Skip('built without libgit2-dev')
        self.server = Server('mem:')
        self.work = self.server.make_folder('work')
        self.clock = 1700000000
        self.git('init', '-q', '-b', 'main')
        self.path = self.server.path('bare.git') if bare else self.work
        self.server.command.append('g=git:path=' + ','.join((self.path, *arguments)))

    def git(self, *words, **how):
        self.clock += 10
        dates = {'GIT_AUTHOR_DATE': f'{self.clock} +0000', 'GIT_COMMITTER_DATE': f'{self.clock} +0000'}
        return subprocess.run(['git', *words], cwd=self.work, env={**os.environ, **ENV, **dates}, check=True, capture_output=True, **how).stdout

    def write(self, name, data):
        path = os.path.join(os.fsencode(self.work), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_file(path, data)

    def commit(self, text):
        self.git('add', '-A')
        self.git('commit', '-q', '--allow-empty', '-m', text)
        return self.git('rev-parse', 'HEAD').decode().strip()

    def fill(self):
        for name, data in (('a.txt', b'one\n'), ('empty', b''), ('d/e/f/deep.bin', random_bytes(70000)), ('large.bin', random_bytes(3 << 20, 1)),
                           ('text', b''.join(b'%d\n' % n for n in range(100000))), ('Grüße/日本', b'utf-8'), ('README', b'upper'), ('Readme', b'as a name')):
            self.write(name, data)
        os.chmod(self.work + '/a.txt', 0o755)
        return self.commit('first')

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *what):
        return self.server.__exit__(*what)

    def connect(self):
        return connect(self.server, 'g')

    def check_tree(self, c, path, commit):
        """All of a commit, against git ls-tree and cat-file."""
        want = {}
        for line in self.git('ls-tree', '-r', '-z', '-l', commit).split(b'\0'):
            if line:
                meta, name = line.split(b'\t', 1)
                mode, _, oid, size = meta.split()
                if mode in (b'100644', b'100755'):
                    want[name.decode().replace('/', '\\')] = (oid.decode(), int(size))
        got = dict(walk(c, path))
        check(sorted(got) == sorted(want), sorted(set(got) ^ set(want))[:5])
        for name, (oid, size) in want.items():
            check(got[name] == size, name, got[name], size)
            check(whole(c, f'{path}\\{name}') == self.git('cat-file', 'blob', oid), name)


def whole(c, path):
    f = c.opened(path, access=1)
    size = c.sizes(f)[1]
    data = b''.join(c.read(f, min(1 << 20, size - at), at) for at in range(0, size, 1 << 20))
    c.close(f)
    return data


def walk(c, path, below=''):
    for e in c.listing(path):
        if e.name in ('.', '..'):
            continue
        name = (below + '\\' if below else '') + e.name
        if e.attributes & 0x10:
            yield from walk(c, f'{path}\\{e.name}', name)
        else:
            yield name, e.size


@case('branches, tags, commits, HEAD')
def look():
    r = Repository()
    first = r.fill()
    r.git('tag', 'v1')
    r.git('tag', '-a', 'v1-signed', '-m', 'text')
    r.git('branch', 'feature/one')
    r.git('branch', 'feature/two/three')
    r.write('a.txt', b'two\n')
    os.unlink(r.work + '/empty')
    second = r.commit('second')
    r.git('tag', 'tree', 'HEAD^{tree}')
    r.git('tag', 'blob', 'HEAD:text')
    with r, r.connect() as c:
        check(c.names() == ['HEAD', 'branches', 'commits', 'remotes', 'stash', 'tags'], c.names())
        check(c.names('branches') == ['feature', 'main'] and c.names('branches\\feature') == ['one', 'two'], c.names('branches'))
        check(c.names('tags') == ['blob', 'tree', 'v1', 'v1-signed'], c.names('tags'))
        for path, commit in (('branches\\main', second), ('branches\\feature\\one', first), ('branches\\feature\\two\\three', first), ('tags\\v1', first),
                             ('tags\\v1-signed', first), ('tags\\tree', second), ('HEAD', second), (f'commits\\{first}', first),
                             (f'commits\\{second[:7]}', second), (f'commits\\{second[:4].upper()}', second)):
            r.check_tree(c, path, commit)
        check(whole(c, 'tags\\blob') == r.git('cat-file', 'blob', 'HEAD:text'))
        check(c.names('commits') == sorted([first, second]), c.names('commits'))
        check(c.content('branches\\main\\README') == b'upper' and c.content('branches\\main\\Readme') == b'as a name')
        check(c.content('BRANCHES\\Main\\A.TXT') == b'two\n', 'in other letters')
        for path, wanted in (('no', 'OBJECT_NAME_NOT_FOUND'), ('branches\\no', 'OBJECT_NAME_NOT_FOUND'), ('branches\\no\\x', 'OBJECT_PATH_NOT_FOUND'),
                             ('commits\\' + '0' * 40, 'OBJECT_NAME_NOT_FOUND'), ('commits\\abc', 'OBJECT_NAME_NOT_FOUND'), ('commits\\nonsense', 'OBJECT_NAME_NOT_FOUND'),
                             ('stash\\0', 'OBJECT_NAME_NOT_FOUND'), ('HEAD\\a.txt\\x', 'OBJECT_PATH_NOT_FOUND'), ('HEAD', 'FILE_IS_A_DIRECTORY')):
            got = c.try_open(path, access=1, options=b.NO_FOLDER if path == 'HEAD' else 0)
            check(got == wanted, path, got)
        check(c.try_open('HEAD\\new', disposition=b.CREATE_NEW) in ('ACCESS_DENIED', 'MEDIA_WRITE_PROTECTED'))
        e = next(e for e in c.listing('HEAD') if e.name == 'a.txt')
        stamp = int(r.git('show', '-s', '--format=%ct', 'HEAD'))
        check(e.written == (stamp + 11644473600) * 10000000, e.written)


@case('by smbclient, what git archive packs')
def packed():
    r = Repository()
    r.fill()
    r.git('gc', '-q')
    with r:
        to, unpacked = r.server.make_folder('fetched'), r.server.make_folder('unpacked')
        subprocess.run(['tar', '-x'], cwd=unpacked, input=r.git('archive', 'main'), check=True)
        os.unlink(unpacked + '/Readme')  # which smbclient, on one name in any letters, may take for the other
        r.server.smbclient('g', 'cd HEAD; recurse ON; prompt OFF; mget *', cwd=to, timeout=120).ok()
        os.unlink(to + '/Readme')
        subprocess.run(['diff', '-r', to, unpacked], check=True)


@case('bare, packed, and with packed references')
def bare():
    r = Repository(bare=True)
    first = r.fill()
    for i in range(30):
        r.write('text', b''.join(b'%d\n' % n for n in range(i, 100000)))
        r.commit(f'{i}')
        r.git('branch', f'many/{i}')
    r.git('clone', '-q', '--bare', r.work, r.path)
    subprocess.run(['git', '-C', r.path, 'repack', '-adfq', '--depth=50'], check=True, env={**os.environ, **ENV})
    subprocess.run(['git', '-C', r.path, 'pack-refs', '--all'], check=True, env={**os.environ, **ENV})
    with r, r.connect() as c:
        check(len(c.names('branches\\many')) == 30, c.names('branches\\many'))
        for name in ('main', 'many\\0', 'many\\15'):
            r.check_tree(c, 'branches\\' + name, name.replace('\\', '/'))
        r.check_tree(c, 'commits\\' + first, first)


@case('stashes')
def stashes():
    r = Repository()
    r.fill()
    for text in (b'older', b'newer'):
        r.write('a.txt', text)
        r.git('stash')
    with r, r.connect() as c:
        check(c.names('stash') == ['0', '1'], c.names('stash'))
        check(c.content('stash\\0\\a.txt') == b'newer' and c.content('stash\\1\\a.txt') == b'older')
        r.git('stash', 'drop')
        check(c.names('stash') == ['0'] and c.content('stash\\0\\a.txt') == b'older')


@case('links, submodules, odd names')
def odd():
    r = Repository()
    for name, target in (('link', 'd/file'), ('d/up', '../plain'), ('folder', 'd'), ('d/self', '..'), ('out', '../../etc/passwd'), ('abs', '/etc/passwd'),
                         ('loop', 'loop'), ('one', 'two'), ('two', 'one'), ('chain', 'link'),
                         ('winds', 'd/../' * 100 + 'plain'), ('winds on', 'd/../' * 200 + 'plain')):
        os.makedirs(os.path.dirname(os.path.join(r.work, name)), exist_ok=True)
        os.symlink(target, os.path.join(r.work, name))
    for name, data in (('plain', b'p'), ('d/file', b'inner'), ('x:y?. ', b'mangled'), ('back\\slash', b'b'), (b'no utf-8 \xff', b'raw')):
        r.write(name, data)
    r.git('add', '-A')
    r.git('update-index', '--add', '--cacheinfo', '160000,' + '1' * 40 + ',sub')
    r.git('commit', '-qm', 'odd')
    with r, r.connect() as c:
        check(c.names('HEAD') == sorted(['back\uf026slash', 'chain', 'd', 'folder', 'link', 'no utf-8 \udcff', 'plain', 'sub', 'winds', 'x\uf022y\uf025.\uf028']), c.names('HEAD'))
        for path, data in (('link', b'inner'), ('chain', b'inner'), ('d\\up', b'p'), ('folder\\file', b'inner'), ('folder\\up', b'p'),
                           ('d\\self\\plain', b'p'), ('x\uf022y\uf025.\uf028', b'mangled'), ('back\uf026slash', b'b'), ('no utf-8 \udcff', b'raw')):
            check(c.content('HEAD\\' + path) == data, path)
        check(c.names('HEAD\\sub') == [] and c.names('HEAD\\d') == ['file', 'self', 'up'], c.names('HEAD\\d'))
        check(c.names('HEAD\\folder') == ['file', 'up'] and 'folder' not in c.names('HEAD\\d\\self'), c.names('HEAD\\folder'))
        for path in ('out', 'abs', 'loop', 'one', 'winds on'):
            check(c.try_open('HEAD\\' + path, access=1) == 'OBJECT_NAME_NOT_FOUND', path)


@case('new commits and branches appear, and clients are told')
def moving():
    r = Repository()
    first = r.fill()
    with r, r.connect() as c, r.connect() as watcher:
        old = c.opened('branches\\main\\a.txt', access=1)
        folder = watcher.opened('', access=1, options=b.FOLDER)
        mid = watcher.send(b.CHANGE_NOTIFY, b.change_notify(folder, tree=True))
        watcher.await_interim(mid)
        r.write('a.txt', b'changed, and longer\n')
        second = r.commit('second')
        r.git('branch', 'new')
        for path in ('branches\\main\\a.txt', 'HEAD\\a.txt'):
            check(c.content(path) == b'changed, and longer\n', path, c.content(path))
        check(c.names('branches') == ['main', 'new'] and c.names('commits') == sorted([first, second]))
        check(c.read(old, 100) == b'one\n', 'what was open is what it was')
        reply = watcher.receive(mid, 20)
        check(reply is not None and reply.name in ('NOTIFY_ENUM_DIR', '0x0000010c', 'OK'), reply and reply.name)
        r.git('gc', '-q', '--prune=now')
        r.check_tree(c, 'branches\\main', second)
        r.git('branch', '-D', 'new')
        check(c.names('branches') == ['main'] and c.try_open('branches\\new', access=1) == 'OBJECT_NAME_NOT_FOUND')


@case('a repository without commits')
def unborn():
    with Repository() as r, r.connect() as c:
        check(c.names() == ['branches', 'commits', 'remotes', 'stash', 'tags'], c.names())
        check(c.names('branches') == [] and c.names('commits') == [] and c.try_open('HEAD', access=1) == 'OBJECT_NAME_NOT_FOUND')
        r.fill()
        check('HEAD' in c.names(), c.names())
        check(c.content('HEAD\\a.txt') == b'one\n')


@case('the folder of commits is bounded, what is not listed is there')
def bounded():
    r = Repository('commits=3')
    made = [r.fill()] + [r.commit(str(i)) for i in range(5)]
    with r, r.connect() as c:
        check(c.names('commits') == sorted(made[-3:]), c.names('commits'))
        check(c.content(f'commits\\{made[0]}\\a.txt') == b'one\n' and c.content(f'commits\\{made[1][:9]}\\a.txt') == b'one\n')


@case('large files are bounded')
def large():
    r = Repository('memory=1M')
    r.write('fits', random_bytes(1000000))
    r.write('large', random_bytes(1100000))
    r.commit('first')
    with r, r.connect() as c:
        check(whole(c, 'HEAD\\fits') == random_bytes(1000000))
        f = c.opened('HEAD\\large', access=1)
        reply = c.call(b.READ, b.read(f, 100))
        check(reply.name in ('INSUFFICIENT_RESOURCES', '0xc000009a'), reply.name)
        check_logged('see memory=', r.server)


@case('a damaged repository')
def damaged():
    r = Repository()
    first = r.fill()
    gone = r.git('rev-parse', 'HEAD:a.txt').decode().strip()
    path = f'{r.work}/.git/objects/{gone[:2]}/{gone[2:]}'
    folder = r.git('rev-parse', 'HEAD:d').decode().strip()
    with r, r.connect() as c:
        os.unlink(path)
        check('a.txt' in c.names('HEAD'), c.names('HEAD'))
        got = c.try_open('HEAD\\a.txt', access=1)
        check(got == BROKEN, got)
        check(c.content('HEAD\\README') == b'upper', 'the rest')
        at = f'{r.work}/.git/objects/{folder[:2]}/{folder[2:]}'
        os.chmod(at, 0o644)
        write_file(at, b'no object')
        c.create('HEAD\\d\\e', access=1)
        check_logged('cannot be read', r.server)
        check(c.content(f'commits\\{first}\\README') == b'upper')
        rng = random.Random(5)
        names = [os.path.join(d, n) for d, _, files in os.walk(r.work + '/.git/objects') for n in files]
        for _ in range(30):
            name = rng.choice(names)
            if os.path.exists(name) and os.path.getsize(name):
                os.chmod(name, 0o644)
                with open(name, 'r+b') as f:
                    f.seek(rng.randrange(os.path.getsize(name)))
                    f.write(bytes([rng.randrange(256)]))
            read_all(c, 'HEAD')
        shutil.rmtree(r.work + '/.git/objects')
        read_all(c, 'HEAD')
        check(c.names() != [], 'the server goes on')


def read_all(c, path):
    """What can be; a folder that cannot be listed says so."""
    folder = c.create(path, access=1, options=b.FOLDER)
    if folder.name != 'OK':
        return
    first = c.query_folder(folder.file_id)
    c.close(folder.file_id)
    for e in b.entries(first.buffer(), 37) if first.status == 0 else ():
        if e.name in ('.', '..'):
            continue
        if e.attributes & 0x10:
            read_all(c, f'{path}\\{e.name}')
            continue
        reply = c.create(f'{path}\\{e.name}', access=1)
        if reply.name == 'OK':
            c.call(b.READ, b.read(reply.file_id, 65536))
            c.close(reply.file_id)


@case('what is no repository is told')
def broken():
    with Repository() as r:
        plain = r.server.make_folder('plain')
        for arguments, words in (('', 'path'), (f'path={plain}', 'is no git repository'), ('path=/nowhere', 'No such file'), (f'path={r.work},commits=many', 'commits'),
                                 (f'path={r.work},colour=blue', 'colour')):
            out = smbkit('serve', '--listen', '127.0.0.1:0', f'git:{arguments}')
            check(out.code == 1, out.code, out.text)
            check_in(words, out.text)


@case('many clients while branches move')
def crowd():
    r = Repository()
    r.fill()
    failures = []
    versions = {b'one\n'}
    end = threading.Event()

    def go():
        try:
            with r.connect() as c:
                while not end.is_set():
                    if c.content('branches\\main\\a.txt') not in versions:
                        failures.append('another text')
                    c.names('branches')
        except Exception as e:  # noqa: BLE001  (told below)
            failures.append(repr(e))

    with r:
        threads = [threading.Thread(target=go) for _ in range(4)]
        for t in threads:
            t.start()
        for i in range(15):
            text = b'version %d\n' % i
            versions.add(text)
            r.write('a.txt', text)
            r.commit(str(i))
            r.git('branch', f'b{i}')
        r.git('gc', '-q', '--prune=now')
        end.set()
        for t in threads:
            t.join()
        check(not failures, failures[:3])
        with r.connect() as c:
            wait_for(lambda: len(c.names('branches')) == 16, 20, 'all branches')


main()
