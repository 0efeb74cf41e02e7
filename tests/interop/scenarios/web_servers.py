# SPDX-License-Identifier: Apache-2.0
"""What web servers show: nginx, Python's own, and one that does its worst: smbkit-http-plugin(1)."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import rawbodies as b
from fakeweb import FakeHandler, FakeServer, listens, whole
from harness import FILTERS, PROGRAM, TOP, Server, Skip, case, check, check_logged, expect, free_port, main, random_bytes, smbkit, wait_for, write_file
from rawclient import connect

READ_DATA = 1
UNAVAILABLE = '0xc0000466'
TIMEOUT = '0xc00000b5'
DATA_ERROR = '0xc000003e'
AT_ONCE = 200

if not os.path.exists(os.path.join(os.path.dirname(PROGRAM), 'smbkit-http-plugin.so')):
    print('1..0 # SKIP built without libcurl4-openssl-dev')
    sys.exit(0)


def share(url, arguments=''):
    return Server(config=f'[h]\nplugin = http:url={url}{arguments}\n')


class Fake(FakeServer):
    """A server whose answers the test sets: paths to functions of the handler."""

    def __init__(self, pages, port=0):
        self.pages = pages
        super().__init__(Handler, port)
        self.url += '/'

    def count(self, path):
        return sum(1 for p, _, _ in list(self.asked) if p == path)


class Handler(FakeHandler):
    def do_GET(self):
        self.server.asked.append((self.path, self.command, dict(self.headers)))
        page = self.server.pages.get(self.path)
        if page is None:
            self.answer(404, b'')
        elif callable(page):
            page(self)
        else:
            self.answer(200, page)

    do_HEAD = do_GET

    def ranged(self, data, etag='"1"'):
        """As a good server would."""
        if self.command == 'HEAD':
            self.answer(200, b'', Content_Length=len(data), ETag=etag, Accept_Ranges='bytes')
            return
        m = re.match(r'bytes=(\d+)-(\d+)$', self.headers.get('Range', ''))
        if not m or self.headers.get('If-Range', etag) != etag:
            self.answer(200, data, ETag=etag)
            return
        first, last = int(m[1]), min(int(m[2]), len(data) - 1)
        self.answer(206, data[first:last + 1], ETag=etag, Content_Range=f'bytes {first}-{last}/{len(data)}')


def index(*entries):
    return json.dumps(list(entries)).encode()


class Nginx:
    def __init__(self, root, settings):
        self.folder = tempfile.mkdtemp(prefix='smbkit-nginx-')
        self.port = free_port()
        temp = ''.join(f'{k}_temp_path {self.folder}/{k};' for k in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
        config = write_file(self.folder + '/nginx.conf', f'''daemon off; pid {self.folder}/pid; error_log stderr; events {{}}
http {{ access_log off; {temp} server {{ listen 127.0.0.1:{self.port}; root {root}; autoindex on; {settings} }} }}'''.encode())
        self.process = subprocess.Popen(['nginx', '-c', config], stderr=subprocess.DEVNULL)
        self.url = f'http://127.0.0.1:{self.port}/'
        wait_for(lambda: listens(self.port), 30, 'nginx')

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder)


def fill(root):
    data = random_bytes(3 << 20)
    os.chmod(root, 0o755)  # nginx may run as somebody else
    os.makedirs(root + '/sub/deep')
    write_file(root + '/big.bin', data)
    write_file(root + '/empty', b'')
    for name in ('a & b.txt', '100%.txt', 'gr\u00fc\u00df.txt', 'c#d?e.txt', "quote'\".txt"):
        write_file(root + '/sub/' + name, name.encode())
    return data


def look(c, data):
    """All that fill() made is there, and is what it was."""
    check(c.names() == ['big.bin', 'empty', 'sub'], c.names())
    sizes = {e.name: e.size for e in c.listing('') if e.name in ('big.bin', 'empty')}
    check(sizes == {'big.bin': len(data), 'empty': 0}, sizes)
    check(whole(c, 'big.bin') == data and whole(c, 'empty') == b'')
    names = c.names('sub')
    check(len(names) == 6, names)
    for name in names:
        if name != 'deep':
            stored = name.replace('\uf03f', '?').replace('\uf020', '"').replace('\uf025', '?')
            check(c.content('sub\\' + name) == stored.encode(), name, c.content('sub\\' + name))
    check(c.names('sub\\deep') == [] and c.try_open('sub\\none', access=READ_DATA) == 'OBJECT_NAME_NOT_FOUND')
    check(c.try_open('new', disposition=b.CREATE_NEW) in ('ACCESS_DENIED', 'MEDIA_WRITE_PROTECTED'))


@case('nginx, its pages and its lists')
def nginx():
    if not shutil.which('nginx'):
        return  # scripts/install-deps check
    with tempfile.TemporaryDirectory() as root:
        data = fill(root)
        for settings in ('autoindex_format json;', 'autoindex_format html;', 'autoindex_exact_size off;'):
            server = Nginx(root, settings)
            try:
                with share(server.url) as s, connect(s, 'h') as c:
                    look(c, data)
            finally:
                server.close()


@case("Python's http.server, which has no ranges")
def python():
    with tempfile.TemporaryDirectory() as root:
        data = fill(root)
        p = subprocess.Popen([sys.executable, '-u', '-m', 'http.server', '--bind', '127.0.0.1', '--directory', root, '0'],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            port = re.search(r'port (\d+)', p.stdout.readline())[1]
            with share(f'http://127.0.0.1:{port}', ',fresh=0') as s, connect(s, 'h') as c:
                look(c, data)
            with share(f'http://127.0.0.1:{port}', ',whole=1M') as s, connect(s, 'h') as c:
                expect('OPEN', c.try_open('big.bin', access=READ_DATA), 'INSUFFICIENT_RESOURCES')
        finally:
            p.terminate()
            p.wait(20)
            p.stdout.close()


@case('a file that becomes another while it is read')
def changes():
    one, two = b'1' * 600000, b'2' * 600000
    state = {'data': one, 'etag': '"1"'}
    with Fake({'/': index({'name': 'f', 'size': len(one)}), '/f': lambda h: h.ranged(state['data'], state['etag'])}) as fake, \
            share(fake.url) as s, connect(s, 'h') as c:
        f = c.opened('f', access=READ_DATA)
        check(c.read(f, 1000) == one[:1000])
        state.update(data=two, etag='"2"')
        expect('READ', c.read(f, 1000, 400000), DATA_ERROR)
        c.close(f)
        check(whole(c, 'f') == two)
    # One that does not know If-Range, and sends what is there now.
    state.update(data=one, etag='"1"')

    def careless(h):
        h.headers.replace_header('If-Range', state['etag']) if 'If-Range' in h.headers else None
        h.ranged(state['data'], state['etag'])
    with Fake({'/': index('f'), '/f': careless}) as fake, share(fake.url) as s, connect(s, 'h') as c:
        f = c.opened('f', access=READ_DATA)
        check(c.read(f, 1000) == one[:1000])
        state.update(data=two, etag='"2"')
        expect('READ', c.read(f, 1000, 400000), DATA_ERROR)
        c.close(f)


@case('hundreds of reads in flight, without a thread each; given up, and left behind')
def many():
    gate = threading.Event()
    size = AT_ONCE * 131072

    def slow(h):
        if h.command != 'HEAD':
            gate.wait(60)
        h.ranged(bytes(size))
    with Fake({'/': index({'name': 'f', 'size': size}), '/f': slow}) as fake, \
            share(fake.url, f',requests={AT_ONCE}') as s, connect(s, 'h') as c:
        c.grow(AT_ONCE + 20)
        f = c.opened('f', access=READ_DATA)
        mids = [c.send(b.READ, b.read(f, 1000, i * 131072)) for i in range(AT_ONCE)]
        wait_for(lambda: fake.count('/f') == AT_ONCE + 1, 30, 'all to be asked for at once')
        with open(f'/proc/{s.process.pid}/status', encoding='ascii') as status:
            check(int(re.search(r'^Threads:\s+(\d+)', status.read(), re.M)[1]) < 40)
        c.cancel(async_id=c.await_interim(mids[0]))
        expect('READ', c.receive(mids[0]).name, 'CANCELLED')
        gate.set()
        for mid in mids[1:]:
            r = c.receive(mid)
            check(r and r.buffer() == bytes(1000), r and r.name)
        gate.clear()
        f = c.opened('f', access=READ_DATA)
        for i in range(20):
            c.send(b.READ, b.read(f, 1000, i * 131072))
        c.drop(reset=True)  # and the server ends in good order


def cut(h):
    """The connection is lost in the midst."""
    if h.command == 'HEAD':
        h.ranged(bytes(500000))
        return
    h.answer(206, bytes(1000), Content_Length=131072, ETag='"1"', Content_Range='bytes 0-131071/500000')
    h.close_connection = True


def lies(h):
    """Another range than was asked for."""
    if h.command == 'HEAD':
        h.ranged(bytes(500000))
        return
    h.answer(206, bytes(131072), ETag='"1"', Content_Range='bytes 131072-262143/500000')


def more(h):
    """More than was asked for."""
    if h.command == 'HEAD':
        h.ranged(bytes(500000))
        return
    h.answer(206, bytes(10 << 20), ETag='"1"', Content_Range='bytes 0-131071/500000')


def less(h):
    """Whole, by what it says, and short."""
    if h.command == 'HEAD':
        h.ranged(bytes(500000))
        return
    h.answer(206, bytes(5), ETag='"1"', Content_Range='bytes 0-131071/500000')


def heads(h):
    """Ten megabytes of headers."""
    h.send_response(200)
    try:
        for i in range(10 << 10):
            h.wfile.write(f'X-{i}: '.encode() + b'x' * 1000 + b'\r\n')
    except OSError:
        pass
    h.close_connection = True


def silent(h):
    h.hang()


def stops(h):
    """A part, and then nothing."""
    if h.command == 'HEAD':
        h.ranged(bytes(500000))
        return
    h.answer(206, bytes(1000), Content_Length=131072, ETag='"1"', Content_Range='bytes 0-131071/500000')
    h.hang()


def away(h):
    h.answer(302, b'', Location='file:///etc/passwd')


def around(h):
    h.answer(302, b'', Location=h.path)


def inside(h):
    h.answer(500, b'no')


def nothing(h):
    h.close_connection = True


@case('a server that does its worst: an error for each, nobody hangs, others go on')
def hostile():
    pages = {'cut': cut, 'lies': lies, 'more': more, 'less': less, 'heads': heads, 'silent': silent, 'stops': stops,
             'away': away, 'around': around, 'inside': inside, 'nothing': nothing}
    good = lambda h: h.ranged(b'good' * 100000)  # noqa: E731
    listed = index(*({'name': n, 'size': 500000} for n in pages), {'name': 'good', 'size': 400000})
    with Fake({'/': listed, '/good': good, **{'/' + n: p for n, p in pages.items()}}) as fake, \
            share(fake.url, ',idle-timeout=1s,retries=1') as s, connect(s, 'h') as c, connect(s, 'h') as other:
        for name in pages:
            mid = c.send(b.CREATE, b.create(name, access=READ_DATA))
            check(whole(other, 'good') == b'good' * 100000)
            r = c.receive(mid, 30)
            check(r is not None, name, 'the open hangs')
            if r.name == 'OK':
                f = r.file_id
                got = c.read(f, 131072)
                check(isinstance(got, str) and got != 'OK', name, got if isinstance(got, str) else len(got))
                c.close(f)
        check(fake.count('/cut') >= 3, 'what was cut was not asked for again')


@case('folders that are not what they should be')
def folders():
    deep = b'[' * 100000
    pages = {'/': index('a/', 'b/', 'c/', 'd/', 'e/', 'f/'), '/a/': deep, '/b/': b'{"x": 1}', '/c/': b'\0' * 1000,
             '/d/': b'<a href=' * 20000, '/e/': lambda h: h.answer(403, b''),
             '/f/': b'<a href="../up">u</a><a href="/etc/passwd">p</a><a href="http://other/x">o</a><a href="%2e%2e/x">x</a>'
                    b'<a href="a%2fb">s</a><a href="?C=N">n</a><a href="fine.txt">f</a><a href="%ff">u</a>'}
    with Fake(pages) as fake, share(fake.url) as s, connect(s, 'h') as c:
        for name in 'abe':
            check(c.try_open(name + '\\x', access=READ_DATA) in (DATA_ERROR, 'ACCESS_DENIED'), name)
        check(c.names('c') == [] and len(c.names('d')) <= 1)
        check(c.names('f') == ['fine.txt'], c.names('f'))


def table(text):
    f = tempfile.NamedTemporaryFile('w', suffix='.map', encoding='utf-8')
    f.write(text)
    f.flush()
    return f


class Api:
    """People, and a search: nothing that a page could list."""

    def __init__(self):
        self.people = {'ann': b'{"a": 1}', 'bob': b'{"b": 22}'}
        self.listed = ['ann', 'bob']
        self.has_head = True

    def answer(self, h):
        if h.command == 'HEAD' and not self.has_head:
            h.answer(405, b'')
            return
        path, _, query = h.path.partition('?')
        name = path.rpartition('/')[2]
        if path == '/v1/users':
            rows = [{'who': {'login': n}, 'bytes': len(self.people[n])} for n in self.listed]
            h.answer(200, json.dumps({'data': rows}).encode())
        elif path == '/find':
            h.answer(200, f'found {query}'.encode())
        elif path.startswith('/v1/users/') and name in self.people:
            h.answer(200, self.people[name])
        else:
            h.answer(404, b'none')


class Paths(dict):
    """Whatever is asked for goes to one function."""

    def __init__(self, page):
        super().__init__()
        self.page = page

    def get(self, key, default=None):
        return self.page


PEOPLE = '''# people
users/            users  {id}=who.login in=data size=bytes
users/{id}.json   users/{id}
users/{id}/all/everything.txt  /find?about={id}
find/{what}/{how}.txt    /find?q={what}&how={how}
readme.txt        users/ann
'''


@case('path templates: lists, and names that nobody can list')
def templates():
    api = Api()
    with Fake(Paths(api.answer)) as fake, table(PEOPLE) as t, \
            share(fake.url + 'v1', f',map={t.name},fresh=300ms') as s, connect(s, 'h') as c:
        check(c.names() == ['find', 'readme.txt', 'users'], c.names())
        check(c.content('readme.txt') == api.people['ann'])
        check(c.names('users') == ['ann', 'ann.json', 'bob', 'bob.json'], c.names('users'))
        sizes = {e.name: e.size for e in c.listing('users') if e.name.endswith('json')}
        check(sizes == {'ann.json': 8, 'bob.json': 9}, sizes)
        check(c.content('users\\bob.json') == api.people['bob'])
        check(c.content('users\\ann\\all\\everything.txt') == b'found about=ann')
        # One that is in no list, and one that is not there at all.
        api.people['eve'] = b'{"e": 333}'
        check(c.content('users\\eve.json') == api.people['eve'])
        check('eve.json' in c.names('users'))
        expect('OPEN', c.try_open('users\\zoe.json', access=READ_DATA), 'OBJECT_NAME_NOT_FOUND')
        # A name is a parameter.
        check(c.names('find') == [])
        check(c.content('find\\a b&c=d\\x+y.txt') == b'found q=a%20b%26c%3Dd&how=x%2By')
        check(c.content('find\\\uf03f#%2e\\..y.txt') == b'found q=%3F%23%252e&how=..y')
        check(len(c.names('find')) == 2 and c.names('find\\a b&c=d') == ['x+y.txt'], c.names('find'))
        for junk in ('desktop.ini', 'Thumbs.db', '._x'):
            expect('OPEN', c.try_open('find\\' + junk, access=READ_DATA), 'OBJECT_NAME_NOT_FOUND')
        # The list is another one after a while; what was looked up stays as long as the server has it.
        api.people['new'] = b'n'
        api.listed = ['ann', 'new']
        wait_for(lambda: 'new.json' in c.names('users'), 30, 'the list to be asked for again')
        check(c.names('users') == ['ann', 'ann.json', 'eve.json', 'new', 'new.json'], c.names('users'))
        del api.people['eve']
        wait_for(lambda: c.try_open('users\\eve.json', access=READ_DATA) == 'OBJECT_NAME_NOT_FOUND', 30, 'it to go')
        wait_for(lambda: 'eve.json' not in c.names('users'), 30, 'it to be listed no more')
        check(not [p for p, _, _ in fake.asked if not re.match(r'/v1/users(/\w+)?$|/find\?(about=\w+|q=[^&/?#]+&how=[^&/?#]+)$', p)],
              fake.asked)


@case('path templates: of what was looked up a volume has so much and no more')
def templates_bound():
    if FILTERS:
        raise Skip('42000 calls take too long where each of them waits')
    with Fake({}) as fake, table('r/{a}/{n}/x x/{a}/{n}') as t, share(fake.url, f',map={t.name}') as s, connect(s, 'h') as c:
        c.grow(128)
        for a in range(21):
            for begin in range(0, 1000, 50):
                chains = [c.chain((b.CREATE, b.create(f'r\\a{a}\\{n}', access=1)), (b.CLOSE, b.close(b.SAME_FILE)))
                          for n in range(begin, begin + 50)]
                for mids in chains:
                    for mid in mids:
                        r = c.receive(mid, 60)
                        check(r is not None and r.status == 0, a, mid, r and r.name)
        found = {name: len(c.names('r\\' + name)) for name in c.names('r')}
        check(found['a0'] == 0 and found['a2'] == 1000 and found['a20'] == 1000, found)
        check(19900 < sum(found.values()) <= 20000, found)
        c.close(c.opened('r\\a0\\7', access=1))  # it is there when it is looked up
        check(fake.asked == [], fake.asked)


@case('path templates: an API without HEAD, one that is down, and hostile values')
def templates_odd():
    api = Api()
    api.has_head = False
    with Fake(Paths(api.answer)) as fake, table(PEOPLE) as t:
        with share(fake.url + 'v1', f',map={t.name}') as s, connect(s, 'h') as c:
            check(c.content('users\\bob.json') == api.people['bob'])
            api.people['eve'] = b'e'
            check(c.content('users\\eve.json') == b'e')
            expect('OPEN', c.try_open('users\\zoe.json', access=READ_DATA), 'OBJECT_NAME_NOT_FOUND')
        api.has_head = True
        api.people.update({'..': b'', 'a/b': b'', 'a\\b': b'', '': b'', 'a\nb': b'', 'x' * 300: b'', 'ANN': b''})
        api.listed = list(api.people)
        with share(fake.url + 'v1', f',map={t.name},sizes=0') as s, connect(s, 'h') as c:
            check(c.names('users') == ['ann', 'ann.json', 'bob', 'bob.json', 'eve', 'eve.json'], c.names('users'))
            # U+F026 stands for a backslash.
            for name in ('...json', '..json', 'a\uf026..\uf026b.json', '\uf00a.json'):
                check(c.try_open('users\\' + name, access=READ_DATA) in ('OBJECT_NAME_NOT_FOUND', 'OBJECT_NAME_INVALID'), name)
    for text, wanted in (('a/{b} x/{c}', 'line 1: {c} of the URL is not in the path'), (None, 'No such file')):
        with table(text or '') as t:
            if text is None:
                os.unlink(t.name)
            r = smbkit('serve', '--listen', '127.0.0.1:0', f'http:url=http://127.0.0.1:1/,map={t.name}')
            check(r.code != 0 and f'{t.name}: {wanted}' in r.text, r.text)
            with open(t.name, 'a', encoding='ascii'):
                pass


@case('path templates: what was looked up is bounded')
def templates_many():
    api = Api()
    with Fake(Paths(api.answer)) as fake, table(PEOPLE) as t, \
            share(fake.url + 'v1', f',map={t.name}') as s, connect(s, 'h') as c:
        first = c.opened('find\\first', access=READ_DATA)
        for i in range(1100):
            c.close(c.opened(f'find\\n{i}', access=READ_DATA))
        names = c.names('find')
        check(len(names) == 1000 and 'first' in names and 'n0' not in names and 'n1099' in names, len(names))
        c.close(first)


@case('the example of the manual, word by word')
def templates_example():
    with open(os.path.join(TOP, 'plugins/http/smbkit-http-plugin.1'), encoding='utf-8') as f:
        lines = [line[2:].rstrip('\n') for line in f if line.startswith('$ ')]
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(['sh', '-ec', '\n'.join(lines[:-2])], cwd=d, check=True)
        words = lines[-2].replace('8000 &', '0').replace('python3', 'exec python3 -u')
        p = subprocess.Popen(['sh', '-c', words], cwd=d, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            port = re.search(r'port (\d+)', p.stdout.readline())[1]
            plugin = lines[-1].split()[-1].replace(':8000', f':{port}').replace('map=', f'map={d}/')
            with Server(config=f'[h]\nplugin = {plugin}\n') as s, connect(s, 'h') as c:
                check(c.names('people') == ['ann.json', 'bob.json'], c.names('people'))
                check(c.content('people\\eve.json').startswith(b'{"name": "Eve'))
                check(c.content('people\\ann.json') == b'{"name": "Ann"}\n')
        finally:
            p.terminate()
            p.wait(20)
            p.stdout.close()


@case('a server that is busy is asked again, when it says')
def busy():
    state = {'left': 2}

    def page(h):
        state['left'] -= 1
        if state['left'] >= 0:
            h.answer(503 if state['left'] else 429, b'', Retry_After='0')
        else:
            h.answer(200, index('f'))
    with Fake({'/': page, '/late/': lambda h: h.answer(503, b'', Retry_After='1000')}) as fake:
        with share(fake.url) as s, connect(s, 'h') as c:
            check(c.names() == ['f'] and fake.count('/') == 3, fake.asked)
        with share(fake.url + 'late') as s, connect(s, 'h') as c:
            expect('OPEN', c.try_open('x', access=READ_DATA), UNAVAILABLE)
            check(fake.count('/late/') == 1)


@case('a server that is down: an error at once, few lines, and it recovers')
def down():
    pages = {'/': index({'name': 'f', 'size': 10}), '/f': lambda h: h.ranged(b'0123456789')}
    port = free_port()
    with share(f'http://127.0.0.1:{port}/', ',fresh=0,retries=1') as s, connect(s, 'h') as c:
        for _ in range(50):
            expect('OPEN', c.try_open('f', access=READ_DATA), UNAVAILABLE)
        check_logged('request failed', s)
        with open(s.log_path, encoding='utf-8') as f:
            lines = [line for line in f if 'request failed' in line]
        check(len(lines) < 5, lines)
        with Fake(pages, port):
            wait_for(lambda: c.try_open('f', access=READ_DATA) == 'OK', 20, 'it to recover')
            check(c.content('f') == b'0123456789')
        check_logged('answers again', s)


@case('folders are found to be the same still, and new when they are not')
def fresh():
    state = {'etag': '"1"', 'names': ['a']}

    def page(h):
        same = h.headers.get('If-None-Match') == state['etag']
        h.answer(304 if same else 200, b'' if same else index(*state['names']), ETag=state['etag'])
    with Fake({'/': page, '/a': b'x', '/b': b'y'}) as fake, share(fake.url, ',fresh=100ms') as s, connect(s, 'h') as c:
        check(c.names() == ['a'])
        time.sleep(0.3)
        wait_for(lambda: c.names() == ['a'] and any('If-None-Match' in h for _, _, h in fake.asked), 20, 'it to be asked again')
        state.update(etag='"2"', names=['a', 'b'])
        wait_for(lambda: c.names() == ['a', 'b'], 20, 'the new name')


@case('credentials go where they belong, and into no log')
def credentials():
    seen = []

    def page(h):
        seen.append(h.headers.get('Authorization'))
        h.answer(200, index('f'))
    with tempfile.TemporaryDirectory() as d:
        secret = write_file(d + '/secret', b'user:s3cret\n')
        os.chmod(secret, 0o600)
        other = Fake({'/x/': page})
        with other, Fake({'/': lambda h: h.answer(302, b'', Location=other.url.replace('127.0.0.1', 'localhost') + 'x/')}) as fake:
            with share(fake.url, f',credentials={secret}') as s, connect(s, 'h') as c:
                check(c.names() == ['f'] and seen == [None], seen)
                check(fake.asked[0][2].get('Authorization') == 'Basic dXNlcjpzM2NyZXQ=', fake.asked)
                with open(s.log_path, encoding='utf-8') as f:
                    check('s3cret' not in f.read())
        os.chmod(secret, 0o644)
        for arguments, words in (('', 'url= is missing'), ('url=ftp://x', 'http://'), ('url=http://u@x', 'user'), ('url=http://x?y', 'query'),
                                 (f'url=http://x,credentials={secret}', 'chmod 600'), (f'url=http://x,credentials={d}/none', 'No such file'),
                                 ('url=http://x,cache=1M,whole=1M', 'half')):
            r = smbkit('serve', '--listen', '127.0.0.1:0', f'http:{arguments}')
            check(r.code == 1 and words in r.text, arguments, r.code, r.text)


main()
