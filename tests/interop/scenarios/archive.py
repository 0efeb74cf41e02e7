# SPDX-License-Identifier: Apache-2.0
"""Archives as shares (smbkit-archive-plugin(1)), byte for byte what bsdtar, unzip and 7z unpack (quick)."""
import io
import os
import random
import shutil
import struct
import subprocess
import tarfile
import threading
import zipfile

import rawbodies as b
from harness import PROGRAM, Server, Skip, case, check, check_in, check_logged, digest, main, random_bytes, run, smbkit, wait_for, write_file
from rawclient import connect

NEW_TIME = 1580608922
DENIED = 'ACCESS_DENIED'
BROKEN = '0xc000003e'  # DATA_ERROR


def need():
    if not os.path.exists(os.path.join(os.path.dirname(PROGRAM), 'smbkit-archive-plugin.so')):
        raise Skip('built without libarchive-dev')


def tool(*command, cwd):
    if not shutil.which(command[0]):
        raise Skip(f'{command[0]} is not installed')
    run(list(command), cwd=cwd).ok()


class Archive:
    """A server with a share "a" of an archive, which make(folder) makes."""

    def __init__(self, name, arguments=''):
        need()
        self.server = Server('mem:')
        self.path = self.server.path(name)
        self.arguments = arguments
        self.source = self.server.make_folder('in')

    def fill(self):
        """Names, depths, sizes around those of chunks, holes; what bsdtar and zip both keep."""
        for name, data in (('hello.txt', b'hello\n'), ('empty', b''), ('a/b/c/deep.bin', random_bytes(65536)),
                           ('a/one less', random_bytes(65535, 1)), ('a/one more', random_bytes(65537, 2)),
                           ('large.txt', b''.join(b'%d\n' % n for n in range(300000))), ('rnd.bin', random_bytes(3 << 20, 3)),
                           ('Grüße/日本.txt', b'utf-8'), ('z' * 200, b'long')):
            path = os.path.join(self.source, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write_file(path, data)
        os.makedirs(self.source + '/nothing here')
        for folder, _, names in os.walk(self.source):
            for name in names:
                os.utime(os.path.join(folder, name), (NEW_TIME, NEW_TIME))
        return self

    def serve(self, *arguments):
        self.server.command.append(f'a=archive:file={self.path}' + ''.join(f',{a}' for a in (self.arguments, *arguments) if a))
        return self

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *what):
        return self.server.__exit__(*what)

    def connect(self):
        return connect(self.server, 'a')

    def fetched(self):
        """Everything, by smbclient."""
        to = self.server.make_folder('fetched')
        self.server.smbclient('a', 'recurse ON; prompt OFF; mget *', cwd=to, timeout=120).ok()
        return to


def whole(c, path):
    f = c.opened(path, access=1)
    size = c.sizes(f)[1]
    data = b''.join(c.read(f, min(1 << 20, size - at), at) for at in range(0, size, 1 << 20))
    c.close(f)
    return data


def snapshot(folder):
    out = {}
    for at, folders, names in os.walk(folder):
        for name in names + folders:
            path = os.path.join(at, name)
            key = os.path.relpath(path, folder)
            out[key] = 'folder' if os.path.isdir(path) else (os.path.getsize(path), digest(path))
    return out


def same(folder, other):
    one, two = snapshot(folder), snapshot(other)
    check(one == two, sorted(set(one.items()) ^ set(two.items()))[:6])
    check(len(one) > 3, one)


KINDS = {
    'ustar.tar': ('bsdtar', '--format=ustar'), 'pax.tar': ('bsdtar', '--format=pax'), 'gnu.tar': ('bsdtar', '--format=gnutar'),
    't.tar.gz': ('bsdtar', '-z'), 't.tar.bz2': ('bsdtar', '-j'), 't.tar.xz': ('bsdtar', '-J'), 't.tar.zst': ('bsdtar', '--zstd'),
    't.tar.lz4': ('bsdtar', '--lz4'), 't.tar.lzma': ('bsdtar', '--lzma'), 't.tar.Z': ('bsdtar', '-Z'),
    't.tar.lz': ('bsdtar', '--lzip'), 't.zip': ('bsdtar', '--format=zip'), 't.stored.zip': ('bsdtar', '--format=zip', '--options=zip:compression=store'),
    't.7z': ('bsdtar', '--format=7zip'), 't.copied.7z': ('bsdtar', '--format=7zip', '--options=7zip:compression=store'),
    't.cpio': ('bsdtar', '--format=newc'), 't.odc.cpio': ('bsdtar', '--format=odc'), 't.cpio.gz': ('bsdtar', '-z', '--format=newc'),
    't.iso': ('bsdtar', '--format=iso9660'), 't.xar': ('bsdtar', '--format=xar'),
}


def each(name):
    a = Archive(name).fill()
    tool(*KINDS[name], '-cf', a.path, '.', cwd=a.source)
    unpacked = a.server.make_folder('unpacked')
    tool('bsdtar', '-xf', a.path, cwd=unpacked)
    with a.serve():
        same(a.fetched(), unpacked)
        with a.connect() as c:
            check(c.try_open('new', disposition=b.CREATE_NEW) in (DENIED, 'MEDIA_WRITE_PROTECTED'), 'it can be written to')
            check(c.content('HELLO.TXT') == b'hello\n', 'in other letters')
            data = random_bytes(3 << 20, 3)
            f = c.opened('rnd.bin', access=1)
            rng = random.Random(name)
            for _ in range(40):  # forwards, backwards, across chunks
                at = rng.randrange(len(data))
                n = rng.choice((1, 100, 65536, 200000))
                check(c.read(f, n, at) == data[at:at + n], at, n)
            check(c.read(f, 100, len(data) - 10) == data[-10:], 'the end')
            c.close(f)


for _name in KINDS:
    case('all of it: ' + _name, _name)(each)


@case('zip as zip makes it, with what unzip unpacks')
def zips():
    a = Archive('made.zip').fill()
    tool('zip', '-qr', a.path, '.', cwd=a.source)
    unpacked = a.server.make_folder('unpacked')
    tool('unzip', '-q', a.path, cwd=unpacked)
    with a.serve():
        same(a.fetched(), unpacked)


@case('a zip that was streamed, with sizes behind the data')
def streamed():
    a = Archive('made.zip').fill()
    with open(a.path, 'wb') as f:
        subprocess.run(['zip', '-qr', '-', '.'], cwd=a.source, stdout=f, check=True)
    with a.serve():
        same(a.fetched(), a.source)


@case('7z as 7z makes it, in one piece')
def solid():
    a = Archive('made.7z').fill()
    tool('7z', 'a', '-bso0', '-bsp0', a.path, '.', cwd=a.source)
    with a.serve():
        same(a.fetched(), a.source)


def rpm(payload):
    """A package's lead, signature and header, of no tags, before what it packs."""
    empty = b'\x8e\xad\xe8\x01' + bytes(12)
    return b'\xed\xab\xee\xdb\x03\x00' + bytes(90) + empty + empty + payload


@case('rpm, ar, deb')
def packages():
    a = Archive('p.rpm').fill()
    tool('bsdtar', '-czf', a.server.path('p.cpio.gz'), '--format=newc', '.', cwd=a.source)
    with open(a.server.path('p.cpio.gz'), 'rb') as f:
        write_file(a.path, rpm(f.read()))
    with a.serve():
        same(a.fetched(), a.source)
    a = Archive('p.deb').fill()
    tool('bsdtar', '-cJf', a.source + '/data.tar.xz', 'hello.txt', 'a', cwd=a.source)
    write_file(a.source + '/debian-binary', b'2.0\n')
    tool('ar', 'rc', a.path, 'debian-binary', 'data.tar.xz', 'large.txt', cwd=a.source)
    with a.serve(), a.connect() as c:
        check(c.names() == ['data.tar.xz', 'debian-binary', 'large.txt'], c.names())
        for name in c.names():
            with open(os.path.join(a.source, name), 'rb') as f:
                check(whole(c, name) == f.read(), name)


@case('a lone compressed file is a folder of one')
def lone():
    a = Archive('text.txt.gz').fill()
    with open(a.path, 'wb') as f:
        subprocess.run(['gzip', '-c', a.source + '/large.txt'], stdout=f, check=True)
    with a.serve(), a.connect() as c:
        check(c.names() == ['text.txt'], c.names())
        with open(a.source + '/large.txt', 'rb') as f:
            check(whole(c, 'text.txt') == f.read())


def header(name, data=b'', **fields):
    t = tarfile.TarInfo(name)
    t.size = len(data)
    t.mtime = NEW_TIME
    for key, value in fields.items():
        setattr(t, key, value)
    return t, data


def write_tar(path, *entries, mode='w', **how):
    with tarfile.open(path, mode, **how) as t:
        for info, data in entries:
            t.addfile(info, io.BytesIO(data))


@case('odd entries: twice, outside, absolute, links, devices')
def odd():
    a = Archive('odd.tar')
    link = tarfile.SYMTYPE
    write_tar(a.path, header('./twice', b'first'), header('a//b/./file', b'inner'), header('/absolute', b'root'),
              header('../outside', b'no'), header('a/../../outside', b'no'), header('twice', b'second one'),
              header('hard', type=tarfile.LNKTYPE, linkname='a/b/file'), header('lost', type=tarfile.LNKTYPE, linkname='nothing'),
              header('in', type=link, linkname='a/b/file'), header('a/up', type=link, linkname='../twice'), header('chain', type=link, linkname='in'),
              header('out', type=link, linkname='../../etc/passwd'), header('abs', type=link, linkname='/etc/passwd'),
              header('loop', type=link, linkname='loop'), header('one', type=link, linkname='two'), header('two', type=link, linkname='one'),
              header('folder', type=link, linkname='a'), header('a/self', type=link, linkname='..'),
              header('dev', type=tarfile.CHRTYPE), header('fifo', type=tarfile.FIFOTYPE),
              header('file/below', b'x'), header('file', b'a folder has that name'), header('was/file', b'x'), header('x:y?. ', b'mangled'))
    with a.serve(), a.connect() as c:
        check(c.names() == sorted(['twice', 'a', 'absolute', 'hard', 'in', 'chain', 'folder', 'file', 'was', 'x\uf022y\uf025.\uf028']), c.names())
        check(c.names('a') == ['b', 'self', 'up'], c.names('a'))
        check(c.names('folder') == ['b', 'up'], 'links to folders below one', c.names('folder'))
        check('a' in c.names('a\\self') and 'folder' not in c.names('a\\self'), c.names('a\\self'))
        check(c.try_open('a\\self\\folder', access=1) == 'OBJECT_NAME_NOT_FOUND')
        for path, data in (('twice', b'second one'), ('a\\b\\file', b'inner'), ('absolute', b'root'), ('hard', b'inner'), ('in', b'inner'),
                           ('a\\up', b'second one'), ('chain', b'inner'), ('folder\\b\\file', b'inner'), ('file\\below', b'x'),
                           ('x\uf022y\uf025.\uf028', b'mangled')):
            check(c.content(path) == data, path, c.content(path))
        check_logged('entry left out', a.server)
        check_logged('in its path', a.server)


@case('hard links to symbolic ones, and symbolic ones to what comes later')
def links_of_links():
    a = Archive('links.tar')
    link, hard = tarfile.SYMTYPE, tarfile.LNKTYPE
    write_tar(a.path, header('early', type=link, linkname='later'), header('same', type=hard, linkname='early'), header('later', b'later'),
              header('to', type=link, linkname='middle'), header('middle', b'first'), header('too', type=hard, linkname='to'),
              header('middle', type=link, linkname='end'), header('end', b'end'), header('self', type=hard, linkname='self'))
    with a.serve(), a.connect() as c:
        check(c.names() == ['early', 'end', 'later', 'middle', 'same', 'to', 'too'], c.names())
        for name in ('early', 'same', 'later'):
            check(c.content(name) == b'later', name, c.content(name))
        for name in ('to', 'too', 'middle', 'end'):
            check(c.content(name) == b'end', name, c.content(name))


@case('names in other encodings')
def encodings():
    a = Archive('latin.tar')
    write_tar(a.path, header('gr\u00fc\u00df', b'latin'), encoding='iso-8859-1', format=tarfile.GNU_FORMAT)
    with a.serve(), a.connect() as c:
        names = c.names()
        check(names == ['gr\udcfc\udcdf'], names)
    other = Archive('latin.tar', 'charset=ISO-8859-1')
    write_tar(other.path, header('gr\u00fc\u00df', b'latin'), encoding='iso-8859-1', format=tarfile.GNU_FORMAT)
    with other.serve(), other.connect() as c:
        check(c.names() == ['gr\u00fc\u00df'] and c.content('gr\u00fc\u00df') == b'latin', c.names())


@case('holes')
def holes():
    for command in (('tar', '-S', '--format=gnu'), ('tar', '-S', '--format=pax')):
        a = Archive('holes.tar')
        path = a.source + '/holes'
        with open(path, 'wb') as f:
            f.truncate(9 << 20)
            f.seek(1 << 20)
            f.write(random_bytes(100000))
            f.seek(5 << 20)
            f.write(b'mid')
        tool(*command, '-cf', a.path, 'holes', cwd=a.source)
        check(os.path.getsize(a.path) < 1 << 20, 'tar kept no holes')
        with a.serve():
            same_file(a, 'holes', path)


def same_file(a, name, path):
    with a.connect() as c, open(path, 'rb') as f:
        got, want = whole(c, name), f.read()
        check(len(got) == len(want) and got == want, name, len(got), len(want))


@case('encrypted files')
def secrets():
    a = Archive('secret.zip').fill()
    tool('zip', '-qr', '-P', 'open sesame', a.path, 'hello.txt', 'rnd.bin', cwd=a.source)
    with a.serve(), a.connect() as c:
        check(c.names() == ['hello.txt', 'rnd.bin'], c.names())
        check(c.try_open('hello.txt', access=1) == DENIED)
        check_logged('is encrypted', a.server)


@case('encrypted files and their passphrase', ('wrong', 'open sesame'))
@case('encrypted files and a wrong passphrase', ('wrong',))
def passphrases(words):
    a = Archive('secret.zip').fill()
    tool('zip', '-qr', '-P', 'open sesame', a.path, 'hello.txt', 'rnd.bin', cwd=a.source)
    secret = write_file(a.server.path('words'), '\n'.join(words).encode())
    with a.serve(f'passphrase-file={secret}'), a.connect() as c:
        if len(words) == 2:
            check(c.content('hello.txt') == b'hello\n' and whole(c, 'rnd.bin') == random_bytes(3 << 20, 3))
            return
        f = c.opened('rnd.bin', access=1)
        r = c.call(b.READ, b.read(f, 100))
        check(r.name == DENIED, r.name)


@case('a damaged archive: what can be read is there, the rest is an error')
def damaged():
    a = Archive('cut.tar.gz').fill()
    tool('bsdtar', '-czf', a.path, 'hello.txt', 'large.txt', 'rnd.bin', 'empty', cwd=a.source)
    os.truncate(a.path, os.path.getsize(a.path) - (1 << 20))
    with a.serve(), a.connect() as c:
        check('hello.txt' in c.names() and 'large.txt' in c.names(), c.names())
        check(c.content('hello.txt') == b'hello\n')
        with open(a.source + '/large.txt', 'rb') as f:
            check(whole(c, 'large.txt') == f.read())
        check_logged('served in part', a.server)
        data = random_bytes(3 << 20, 3)
        f = c.opened('rnd.bin', access=1)
        check(c.read(f, 65536) == data[:65536])
        r = c.call(b.READ, b.read(f, 65536, (3 << 20) - 65536))
        check(r.name == BROKEN, r.name)
        check(c.read(f, 65536, 65536) == data[65536:131072], 'the good part after an error')


@case('random damage crashes nothing')
def noise():
    rng = random.Random(7)
    for name in ('t.zip', 'pax.tar', 't.7z', 't.tar.gz'):
        a = Archive(name)
        for i in range(30):
            write_file(f'{a.source}/{i}', random_bytes(rng.randrange(20000), i))
        tool(*KINDS[name], '-cf', a.path, '.', cwd=a.source)
        with open(a.path, 'rb') as f:
            whole = f.read()
        with a.serve(), a.connect() as c:
            for turn in range(12):
                bad = bytearray(whole)
                for _ in range(1 + turn * 5):
                    bad[rng.randrange(len(bad))] = rng.randrange(256)
                replace(a, bytes(bad))
                read_all(c)
            replace(a, whole)
            wait_for(lambda c=c: read_all(c) == 30, 20, 'the whole archive to be read again')


def replace(a, data):
    write_file(a.path + '.new', data)
    os.replace(a.path + '.new', a.path)


def read_all(c, path=''):
    """How many files could be read."""
    n = 0
    r = c.create(path, access=1, options=b.FOLDER)
    if r.name != 'OK':
        return 0
    c.close(r.file_id)
    for e in c.listing(path):
        if e.name in ('.', '..'):
            continue
        below = (path + '\\' if path else '') + e.name
        if e.attributes & 0x10:
            n += read_all(c, below)
            continue
        r = c.create(below, access=1)
        if r.name == 'OK':
            n += c.call(b.READ, b.read(r.file_id, 65536)).name == 'OK'
            c.close(r.file_id)
    return n


@case('what is no archive is told')
def broken():
    need()
    with Server('mem:') as s:
        plain = write_file(s.path('plain.zip'), b'plain text, not more\n' * 100)
        empty = write_file(s.path('empty.tar'), b'')
        for arguments, words in (('', 'file'), (f'file={s.path("none")}', 'No such file'), (f'file={plain}', 'no archive that can be read'),
                                 (f'file={empty}', 'no archive that can be read'), (f'file={s.path()}', 'no archive that can be read'), (f'file={plain},charset=nonsense', 'charset nonsense'),
                                 (f'file={plain},passphrase-file=/nowhere', 'No such file'), (f'file={plain},colour=blue', 'colour')):
            r = smbkit('serve', '--listen', '127.0.0.1:0', f'archive:{arguments}')
            check(r.code == 1, r.code, r.text)
            check_in(words, r.text)


@case('a word of the command line: smbkit serve some.zip')
def by_suffix():
    a = Archive('Some Files.tar.gz').fill()
    tool('bsdtar', '-czf', a.path, '.', cwd=a.source)
    a.server.command.append(a.path)
    with a.server, connect(a.server, 'Some Files') as c:
        check(c.content('hello.txt') == b'hello\n')
        check_in(f'Some Files  {a.path}', a.server.screen())


@case('archives within archives')
def nested():
    for outer in ('o.tar', 'o.tar.gz', 'o.zip'):
        a = Archive(outer, 'nested=yes').fill()
        tool('bsdtar', '-cf', a.source + '/inner.zip', '--format=zip', 'hello.txt', 'a', 'rnd.bin', cwd=a.source)
        tool('bsdtar', '-czf', a.source + '/twice.tgz', 'inner.zip', 'hello.txt', cwd=a.source)
        write_file(a.source + '/broken.zip', b'no archive')
        write_file(a.source + '/taken.zip!', b'a file of that name')
        write_file(a.source + '/taken.zip', b'no archive')
        tool('bsdtar', '-caf', a.path, '.', cwd=a.source)
        with a.serve(), a.connect() as c:
            check({'inner.zip', 'inner.zip!', 'twice.tgz', 'twice.tgz!', 'broken.zip!', 'taken.zip!'} <= set(c.names()), c.names())
            check(c.names('inner.zip!') == ['a', 'hello.txt', 'rnd.bin'], c.names('inner.zip!'))
            for path in ('inner.zip!\\rnd.bin', 'twice.tgz!\\inner.zip!\\rnd.bin', 'TWICE.tgz!\\Inner.ZIP!\\RND.bin'):
                check(whole(c, path) == random_bytes(3 << 20, 3), path)
            check(c.content('twice.tgz!\\inner.zip!\\a\\one less') == random_bytes(65535, 1))
            with open(a.source + '/inner.zip', 'rb') as f:
                check(whole(c, 'inner.zip') == f.read() and whole(c, 'twice.tgz!\\inner.zip') == whole(c, 'inner.zip'))
            check(c.content('taken.zip!') == b'a file of that name')
            check(c.try_open('broken.zip!', access=1, options=b.FOLDER) == BROKEN)
            # Who only asks what it is has nothing unpacked, and so is told of nothing that is wrong with it.
            check(c.try_open('broken.zip!', access=0x80, options=b.FOLDER) == 'OK')
            for path, wanted in (('inner.zip!\\none', 'OBJECT_NAME_NOT_FOUND'), ('inner.zip!\\none\\x', 'OBJECT_PATH_NOT_FOUND'),
                                 ('inner.zip!\\hello.txt\\x', 'OBJECT_PATH_NOT_FOUND'), ('inner.zip\\hello.txt', 'OBJECT_PATH_NOT_FOUND')):
                check(c.try_open(path, access=1) == wanted, path, c.try_open(path, access=1))


@case('the archive is replaced under clients')
def replaced():
    a = Archive('r.tar')
    write_tar(a.path, header('a', b'old content'), header('gone', b'x'), header('d/x', b'1'))
    with a.serve(), a.connect() as c, a.connect() as watcher:
        old = c.opened('a', access=1)
        folder = watcher.opened('', access=1, options=b.FOLDER)
        mid = watcher.send(b.CHANGE_NOTIFY, b.change_notify(folder, tree=True))
        watcher.await_interim(mid)
        write_tar(a.path + '.new', header('a', b'new'), header('d/y', b'2'), header('d', type=tarfile.DIRTYPE))
        os.replace(a.path + '.new', a.path)
        r = watcher.receive(mid, 20)
        check(r is not None and r.name in ('NOTIFY_ENUM_DIR', '0x10c', '0x0000010c', 'OK'), r and r.name)
        check(c.content('a') == b'new' and c.names() == ['a', 'd'] and c.names('d') == ['y'], c.names())
        check(c.try_open('gone', access=1) == 'OBJECT_NAME_NOT_FOUND')
        check(c.read(old, 100) == b'old content', 'what was open is what it was')
        write_file(a.path + '.new', b'no archive')
        os.replace(a.path + '.new', a.path)
        wait_for(lambda: c.try_open('a', access=1) == BROKEN, 20, 'an error')
        check_logged('archive cannot be read', a.server)
        write_tar(a.path + '.new', header('again', b'3'))
        os.replace(a.path + '.new', a.path)
        wait_for(lambda: c.create('again', access=1).name == 'OK', 20, 'the next one')


@case('many clients in one compressed archive')
def crowd():
    a = Archive('crowd.tar.gz').fill()
    tool('bsdtar', '-czf', a.path, '.', cwd=a.source)
    failures = []

    def go(seed):
        rng = random.Random(seed)
        try:
            with a.connect() as c:
                for _ in range(25):
                    name = rng.choice(('rnd.bin', 'large.txt', 'a/b/c/deep.bin', 'hello.txt'))
                    with open(os.path.join(a.source, name), 'rb') as f:
                        want = f.read()
                    at, n = rng.randrange(len(want)), rng.choice((10, 70000, 300000))
                    h = c.opened(name.replace('/', '\\'), access=1)
                    if c.read(h, n, at) != want[at:at + n]:
                        failures.append((seed, name, at, n))
                    c.close(h)
        except Exception as e:  # noqa: BLE001  (told below)
            failures.append((seed, repr(e)))

    with a.serve('cache=4M'):
        threads = [threading.Thread(target=go, args=(i,)) for i in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        check(not failures, failures[:3])


def read_by(server):
    """Bytes that the server has read so far, of files and all else."""
    with open(f'/proc/{server.process.pid}/io', encoding='ascii') as f:
        return int(f.readline().split()[1])


@case('who copies all of it, or reads backwards, has it decoded once')
def once():
    for name in ('once.tar.gz', 'once.tar.zst'):
        a = Archive(name)
        for i in range(20):
            write_file(f'{a.source}/{i:02}', random_bytes(1 << 20, i))
        tool('bsdtar', '-caf', a.path, *sorted(os.listdir(a.source)), cwd=a.source)
        with a.serve(), a.connect() as c:
            c.names()
            before = read_by(a.server)
            same(a.fetched(), a.source)
            copied = read_by(a.server) - before
            check(copied < 70 << 20, 'copied, and from the cache', copied)  # twenty times that, file by file from the beginning
            f, last = c.opened('19', access=1), random_bytes(1 << 20, 19)
            before = read_by(a.server)
            for at in range((1 << 20) - 4096, -1, -4096):
                check(c.read(f, 4096, at) == last[at:at + 4096], at)
            check(read_by(a.server) - before < 30 << 20, 'backwards', read_by(a.server) - before)


@case('a bomb: what it unpacks to is bounded')
def bomb():
    a = Archive('bomb.tar.gz')
    with tarfile.open(a.path, 'w:gz', compresslevel=9) as t:
        t.addfile(*[f(b'first') for f in (lambda d: header('first', d)[0], io.BytesIO)])
        info = tarfile.TarInfo('zeroes')
        info.size = 256 << 20
        with open('/dev/zero', 'rb') as f:
            t.addfile(info, f)
        t.addfile(*[f(b'last') for f in (lambda d: header('last', d)[0], io.BytesIO)])
    with a.serve('unpacked=64M'), a.connect() as c:
        check('first' in c.names() and 'last' not in c.names(), c.names())
        check(c.content('first') == b'first')
        check_logged('see unpacked=', a.server)


@case('the server ends while it reads an archive')
def end():
    a = Archive('big.tar.gz')
    with tarfile.open(a.path, 'w:gz', compresslevel=1) as t:
        info = tarfile.TarInfo('zeroes')
        info.size = 2 << 30
        with open('/dev/zero', 'rb') as f:
            t.addfile(info, f)
    with a.serve(), connect(a.server, 'mem') as c:
        check(c.names() == [], 'others wait for it')


@case('attributes, and a zip with many files')
def many():
    a = Archive('many.zip')
    with zipfile.ZipFile(a.path, 'w', zipfile.ZIP_STORED) as z:
        for i in range(20000):
            info = zipfile.ZipInfo(f'd{i % 7}/file {i}', (2020, 2, 2, 2, 2, 2))
            z.writestr(info, struct.pack('<I', i) * (i % 5))
    with a.serve(), a.connect() as c:
        check(len(c.names('d3')) == len(range(3, 20000, 7)), len(c.names('d3')))
        for i in (3, 10006, 19995 // 7 * 7 - 4):
            check(c.content(f'd3\\file {i}') == struct.pack('<I', i) * (i % 5), i)
        e = next(e for e in c.listing('d3') if e.name == 'file 10')
        check(e.size == 0 or e.size == 4 * (10 % 5), e.size)


main()
