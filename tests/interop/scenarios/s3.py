# SPDX-License-Identifier: Apache-2.0
"""Object stores as shares: s3rver, and a fake that does what that lacks, and its worst: smbkit-s3-plugin(1)."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import rawbodies as b
from fakes3 import KEY, SECRET, Store
from fakeweb import listens, whole
from harness import PROGRAM, Server, Skip, case, check, check_logged, expect, free_port, main, random_bytes, smbkit, wait_for, write_file
from rawclient import connect

READ_DATA, WRITE_DATA, DELETE = 1, 2, 0x10000
UNAVAILABLE = '0xc0000466'
DATA_ERROR = '0xc000003e'
PART = 5 << 20
S3RVER = os.environ.get('SMBKIT_S3RVER', '/usr/local/lib/smbkit-check/node_modules/s3rver')  # scripts/install-deps check

if not os.path.exists(os.path.join(os.path.dirname(PROGRAM), 'smbkit-s3-plugin.so')):
    print('1..0 # SKIP built without libcurl4-openssl-dev or libexpat1-dev')
    sys.exit(0)

scratch = tempfile.mkdtemp(prefix='smbkit-s3-')


def credentials(key=KEY, secret=SECRET, mode=0o600):
    path = write_file(f'{scratch}/{key}-{mode:o}', f'[default]\naws_access_key_id={key}\naws_secret_access_key = {secret}\n'.encode())
    os.chmod(path, mode)
    return path


def share(url, arguments=',bucket=bkt', who=None):
    return Server(config=f'[h]\nplugin = s3:endpoint={url},credentials={who or credentials()},temp={scratch}{arguments}\nread only = no\n')


def put(c, path, data, disposition=b.OVERWRITE_IF):
    """What CLOSE answers."""
    f = c.opened(path, access=READ_DATA | WRITE_DATA, disposition=disposition)
    for at in range(0, len(data), 1 << 18):
        expect('WRITE', c.write(f, data[at:at + (1 << 18)], at), 'OK')
    return c.close(f)


class S3rver:
    def __init__(self):
        if not os.path.exists(S3RVER) or not shutil.which('node'):
            raise Skip('s3rver is not there: scripts/install-deps check')
        self.folder = tempfile.mkdtemp(prefix='smbkit-s3rver-')
        self.port = free_port()
        self.process = subprocess.Popen(['node', S3RVER + '/bin/s3rver.js', '-d', self.folder, '-a', '127.0.0.1', '-p', str(self.port),
                                         '--configure-bucket', 'bkt', '--configure-bucket', 'two'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = f'http://127.0.0.1:{self.port}'
        wait_for(lambda: listens(self.port), 60, 's3rver')

    def close(self):
        self.process.kill()
        self.process.wait(20)
        shutil.rmtree(self.folder)


def work(c, names):
    """What a client does in a bucket."""
    data = random_bytes(2 * PART + 12345)
    expect('CLOSE', put(c, 'small', b'small'), 'OK')
    expect('CLOSE', put(c, 'big.bin', data), 'OK')
    expect('CLOSE', put(c, 'empty', b''), 'OK')
    c.make_folder('dir')
    for name in names:
        expect('CLOSE', put(c, 'dir\\' + name, name.encode()), 'OK')
    check(c.names() == ['big.bin', 'dir', 'empty', 'small'], c.names())
    check({e.name: e.size for e in c.listing('')}['big.bin'] == len(data))
    check(whole(c, 'big.bin') == data and whole(c, 'small') == b'small' and whole(c, 'empty') == b'')
    check(sorted(c.names('dir')) == sorted(names), c.names('dir'))
    for name in names:
        check(c.content('dir\\' + name) == name.encode(), name)
    # A part in the midst of it.
    f = c.opened('big.bin', access=READ_DATA | WRITE_DATA)
    expect('WRITE', c.write(f, b'changed', PART), 'OK')
    check(c.read(f, 9, PART - 1) == data[PART - 1:PART] + b'changed' + data[PART + 7:PART + 8])
    c.close(f)
    data = data[:PART] + b'changed' + data[PART + 7:]
    check(whole(c, 'big.bin') == data)
    expect('RENAME', c.move('small', 'dir\\smaller'), 'OK')
    expect('RENAME', c.move('dir', 'other', options=b.FOLDER), 'OK')
    check(c.names() == ['big.bin', 'empty', 'other'], c.names())
    check(sorted(c.names('other')) == sorted((*names, 'smaller')) and c.content('other\\smaller') == b'small')
    expect('rmdir', c.remove('other', b.FOLDER), 'DIRECTORY_NOT_EMPTY')
    for name in (*names, 'smaller'):
        c.remove('other\\' + name)
    check(c.names('other') == [])
    c.remove('other', b.FOLDER)
    check(c.names() == ['big.bin', 'empty'], c.names())
    return data


@case('s3rver: what clients do is there for the next server too')
def s3rver():
    store = S3rver()
    try:
        who = credentials('S3RVER', 'S3RVER')
        with share(store.url, f',bucket=bkt,part={PART}', who) as s, connect(s, 'h') as c:
            # It takes "+", "&" and "=" in the name of what is copied for others than they are.
            data = work(c, ('a b.txt', 'gr\u00fc\u00df.txt', "100%'.txt"))
            c.put('a+b&c=d', b'1')
            check(c.content('a+b&c=d') == b'1' and c.remove('a+b&c=d') == 'OK')
        with share(store.url, ',bucket=bkt', who) as s, connect(s, 'h') as c:
            check(c.names() == ['big.bin', 'empty'] and whole(c, 'big.bin') == data)
        with share(store.url, '', who) as s, connect(s, 'h') as c:  # all buckets
            check(c.names() == ['bkt', 'two'], c.names())
            check(c.names('bkt') == ['big.bin', 'empty'])
            expect('CLOSE', put(c, 'two\\deep', b'x'), 'OK')
            c.move('two\\deep', 'bkt\\deep')
            check(c.names('two') == [] and c.content('bkt\\deep') == b'x')
            expect('CREATE', c.try_open('three', disposition=b.CREATE_NEW, options=b.FOLDER), 'ACCESS_DENIED')
    finally:
        store.close()


@case('the fake: the same, signed as the documentation says')
def fake():
    with Store() as store:
        with share(store.url, f',bucket=bkt,part={PART}') as s, connect(s, 'h') as c:
            data = work(c, ('a b+c.txt', 'gr\u00fc\u00df&.txt', "100%'=.txt"))
        check(store.data('big.bin') == data and store.keys() == ['big.bin', 'empty'] and not store.uploads)
        check(not store.signed_badly, store.signed_badly)
        check(any('partNumber=3' in p for _, p, _ in store.asked))


@case('pages of a listing, keys that are no names, and a prefix')
def pages():
    with Store(page=7) as store:
        for i in range(60):
            store.put(f'many/{i:03}', b'x')
            store.put(f'many/sub{i:03}/x', b'x')
        for key in ('odd/', 'odd//x', 'odd/./x', 'odd/../x', 'odd/a:b?', 'odd/UP', 'odd/up', 'odd/both', 'odd/both/x', 'odd/\u0001\n', 'odd/' + 'n' * 300,
                    'odd/end. '):
            store.put(key, key.encode())
        with share(store.url) as s, connect(s, 'h') as c:
            check(c.names() == ['many', 'odd'])
            check(c.names('many') == [f'{i:03}' for i in range(60)] + [f'sub{i:03}' for i in range(60)], c.names('many'))
            names = sorted(c.names('odd'))
            check(names == sorted(['UP', 'a\uf022b\uf025', 'both', '\uf001\uf00a', 'end.\uf028']) or len(names) == 5, names)
            check(c.names('odd\\both') == ['x'])
            for name in names:
                if name != 'both':
                    check(c.content('odd\\' + name)[:4] == b'odd/', name)
            check_logged('keys left out of a folder', s)
            expect('rmdir', c.remove('odd', b.FOLDER), 'DIRECTORY_NOT_EMPTY')
            # Of a name with such characters the key has them as they are.
            expect('CLOSE', put(c, 'new\uf022', b'1'), 'OK')
            check('new:' in store.keys() or 'new\uf022' in store.keys(), store.keys())
        with share(store.url, ',bucket=bkt,prefix=many/sub001') as s, connect(s, 'h') as c:
            check(c.names() == ['x'] and c.content('x') == b'x')
            expect('CLOSE', put(c, 'y', b'y'), 'OK')
            c.remove('x')
            c.remove('y')
        check(not [k for k in store.keys() if k.startswith('many/sub001')], store.keys())


@case("somebody else's change is not overwritten unseen")
def conditions():
    with Store() as store, share(store.url) as s, connect(s, 'h') as c:
        store.put('f', b'theirs')
        store.put('r', b'1' * 600000)
        f = c.opened('f', access=READ_DATA | WRITE_DATA)
        expect('WRITE', c.write(f, b'MINE'), 'OK')
        store.put('f', b'newer')
        expect('FLUSH', c.flush(f), 'SHARING_VIOLATION')
        expect('CLOSE', c.close(f), 'SHARING_VIOLATION')
        check(store.data('f') == b'newer' and whole(c, 'f') == b'newer')
        check_logged('somebody else has changed it', s)
        # A new name that is there since.
        check(c.names() == ['f', 'r'])
        store.put('g', b'theirs')
        expect('CREATE', c.try_open('g', access=WRITE_DATA, disposition=b.CREATE_NEW), 'OBJECT_NAME_COLLISION')
        check(store.data('g') == b'theirs')
        # Read while it becomes another.
        f = c.opened('r', access=READ_DATA)
        check(c.read(f, 10) == b'1' * 10)
        store.put('r', b'2' * 600000)
        expect('READ', c.read(f, 1000, 400000), DATA_ERROR)
        c.close(f)
        check(whole(c, 'r') == b'2' * 600000)


def lost(part, times=1, before=False, method='PUT'):
    """A fault: the connection is cut, after the request has been carried out or before."""
    left = [times]

    def fault(h):
        if h.command != method or part not in h.path or not left[0]:
            return False
        left[0] -= 1
        if not before:
            h.body = h.read_body()
            h.answer = lambda *a, **k: None
            h.act()
        h.close_connection = True
        h.connection.shutdown(socket.SHUT_RDWR)
        return True
    return fault


@case('answers that are lost, in the midst of a body and behind it')
def cuts():
    with Store() as store, share(store.url, f',bucket=bkt,part={PART}') as s, connect(s, 'h') as c:
        data = random_bytes(2 * PART + 5)
        for i, fault in enumerate((lost('/bkt/f'), lost('/bkt/f', 2), lost('/bkt/f', before=True))):
            store.faults[:] = [fault]
            expect('CLOSE', put(c, f'f{i}', b'data%d' % i), 'OK')
            check(store.data(f'f{i}') == b'data%d' % i)
        for i, fault in enumerate((lost('partNumber=2'), lost('partNumber=1', before=True), lost('uploadId', method='POST'))):
            store.faults[:] = [fault]
            expect('CLOSE', put(c, f'big{i}', data), 'OK')
            check(store.data(f'big{i}') == data)
        store.faults[:] = [lost('/bkt/f0', method='GET', before=True)]
        check(c.content('f0') == b'data0')
        # More often than it is tried: who closes is told, and nothing of it is left behind.
        store.faults[:] = [lost('partNumber', 1000, before=True)]
        check(put(c, 'never', data) != 'OK')
        store.faults[:] = []
        wait_for(lambda: not store.uploads, 30, 'the upload to be abandoned')
        check(store.data('never') == b'')


def refusing(status, code, times, **headers):
    left = [times]

    def fault(h):
        if not left[0]:
            return False
        left[0] -= 1
        h.read_body()
        if headers:
            h.answer(status, b'', **headers)
        else:
            h.refuse(status, code)
        return True
    return fault


@case('403, 404, 500, 503 and what is no XML')
def errors():
    with Store() as store, share(store.url) as s, connect(s, 'h') as c:
        store.put('f', b'data')
        for status, code in ((503, 'SlowDown'), (500, 'InternalError')):
            store.faults[:] = [refusing(status, code, 2)]
            before = len(store.asked)
            expect('CLOSE', put(c, code, b'data'), 'OK')
            check(store.data(code) == b'data' and len(store.asked) >= before + 4)
        store.faults[:] = [refusing(403, 'AccessDenied', 1000)]
        expect('CREATE', c.try_open('new', access=WRITE_DATA, disposition=b.CREATE_NEW), 'ACCESS_DENIED')
        store.faults[:] = [refusing(503, 'SlowDown', 1000)]
        expect('CREATE', c.try_open('new', access=WRITE_DATA, disposition=b.CREATE_NEW), UNAVAILABLE)
        store.faults[:] = []
        check(c.content('f') == b'data')
    for text in (b'', b'no XML', b'<ListBucketResult>', b'<!DOCTYPE x [<!ENTITY y "z">]><ListBucketResult/>', b'<html/>'):
        def fault(h, text=text):
            h.answer(200, text)
            return True
        with Store() as store, share(store.url) as s, connect(s, 'h') as c:
            store.faults[:] = [fault]
            expect('OPEN', c.try_open('x'), DATA_ERROR)
    with Store() as store, share(store.url, ',bucket=none') as s, connect(s, 'h') as c:
        expect('OPEN', c.try_open('x'), 'OBJECT_PATH_NOT_FOUND')
    with Store() as store, share(store.url, who=credentials(KEY, 'wrong')) as s, connect(s, 'h') as c:
        expect('OPEN', c.try_open('x'), 'ACCESS_DENIED')


@case('listings that come to no end, and pages that are more than was asked for')
def endless():
    def listing(h, items, token):
        if 'list-type=2' not in h.path:
            return False
        h.xml('ListBucketResult', f'<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>{items}')
        return True

    def thing(name, size=1):
        return f'<Contents><Key>{name}</Key><Size>{size}</Size><ETag>"1"</ETag></Contents>'
    with Store() as store, share(store.url, ',bucket=bkt,fresh=0') as s, connect(s, 'h') as c:
        store.faults[:] = [lambda h: listing(h, thing('d/x'), 'again')]
        expect('OPEN', c.try_open('x', access=READ_DATA), DATA_ERROR)
        check(len(store.asked) == 2, len(store.asked))
        # More than a page may have, and sizes that no file has.
    with Store() as store, share(store.url) as s, connect(s, 'h') as c:
        many = ''.join(thing(f'k{i}', 2 ** 64 - 1 if i == 0 else i) for i in range(3000))
        store.faults[:] = [lambda h: 'list-type=2' in h.path and (h.xml('ListBucketResult', many) or True)]
        names = c.names('')
        check(len(names) == 1000, len(names), names[:3])
        sizes = {e.name: e.size for e in c.listing('')}
        check(sizes['k0'] == 0 and sizes['k7'] == 7, sizes['k0'])


@case('a store that is dead at first, and dies in the midst of a transfer')
def dead():
    port = free_port()
    with share(f'http://127.0.0.1:{port}', f',bucket=bkt,part={PART},retries=2') as s, connect(s, 'h') as c:
        expect('OPEN', c.try_open('x'), UNAVAILABLE)
        store = Store(port=port)
        store.put('x', b'there')
        wait_for(lambda: c.try_open('x') == 'OK', 30, 'the store to be found again')
        check(c.content('x') == b'there')
        # It takes a part, and is gone.
        begun = threading.Event()

        def fault(h):
            if 'partNumber' not in h.path:
                return False
            begun.set()
            h.server.ends.wait(60)
            h.close_connection = True
            return True
        store.faults[:] = [fault]
        data = random_bytes(2 * PART)
        f = c.opened('big', access=READ_DATA | WRITE_DATA, disposition=b.OVERWRITE_IF)
        for at in range(0, len(data), 1 << 18):
            expect('WRITE', c.write(f, data[at:at + (1 << 18)], at), 'OK')
        mid = c.send(b.FLUSH, b.flush(f))
        check(begun.wait(60))
        store.close()
        check(c.receive(mid, 60).name != 'OK')
        # What was written is there still, and goes to the store when that is back.
        check(c.read(f, 1000, 77) == data[77:1077])
        again = Store(port=port)
        again.buckets = store.buckets
        wait_for(lambda: c.flush(f) == 'OK', 60, 'the upload')
        check(again.data('big') == data)
        c.close(f)
        again.close()


@case('hundreds of reads in flight, without a thread each; and a server that ends with them')
def many():
    gate = threading.Event()
    count = 200

    def slow(h):
        if h.command == 'GET' and 'list-type' not in h.path:
            gate.wait(60)
        return False
    with Store() as store, share(store.url, f',bucket=bkt,requests={count}') as s, connect(s, 'h') as c:
        store.put('f', bytes(count << 17))
        store.faults[:] = [slow]
        c.grow(count + 20)
        f = c.opened('f', access=READ_DATA)
        mids = [c.send(b.READ, b.read(f, 1000, i << 17)) for i in range(count)]
        wait_for(lambda: store.count('GET', '/bkt/f') == count, 30, 'all to be asked for at once')
        with open(f'/proc/{s.process.pid}/status', encoding='ascii') as status:
            check(int([line for line in status if line.startswith('Threads')][0].split()[1]) < 100)
        gate.set()
        for mid in mids:
            check(c.receive(mid, 60).buffer() == bytes(1000))
        gate.clear()
        f = c.opened('f', access=READ_DATA)
        for i in range(20):
            c.send(b.READ, b.read(f, 1000, i << 17))
        c.drop(reset=True)  # and the server ends in good order
        gate.set()


@case('credentials: from the environment, anonymous, in a file for others; never logged')
def who():
    with Store(anonymous=True) as store:
        store.put('f', b'data')
        with Server(config=f'[h]\nplugin = s3:endpoint={store.url},bucket=bkt\n') as s, connect(s, 'h') as c:
            check(c.content('f') == b'data')
            check(not any('Authorization' in h for _, _, h in store.asked))
        os.environ.update(AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET)
        try:
            with share(store.url, who='environment') as s, connect(s, 'h') as c:
                check(c.content('f') == b'data')
                check(all('Authorization' in h for _, _, h in store.asked[-2:]) and not store.signed_badly)
                log = s.log()
                check(SECRET not in log and KEY not in log)
        finally:
            del os.environ['AWS_ACCESS_KEY_ID'], os.environ['AWS_SECRET_ACCESS_KEY']
    for arguments, wrong in ((f'credentials={credentials(mode=0o644)}', 'chmod 600'), ('credentials=environment', 'AWS_ACCESS_KEY_ID'),
                             (f'credentials={credentials()},profile=none', '[none]'), ('bucket=a/b', 'bucket='), ('prefix=x', 'needs bucket='),
                             ('bucket=b,prefix=x//y', 'prefix='), ('region=a/b', 'region='), ('temp=/none', 'temp=')):
        config = write_file(scratch + '/wrong', f'[h]\nplugin = s3:endpoint=http://127.0.0.1:1,{arguments}\n'.encode())
        r = smbkit('check', config)
        check(r.code != 0 and wrong in r.text, arguments, r.text)


if __name__ == '__main__':
    try:
        main()
    finally:
        shutil.rmtree(scratch)
