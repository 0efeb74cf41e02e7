# SPDX-License-Identifier: Apache-2.0
"""CouchDB as files: a fake of CouchDB 3, and pouchdb-server where it is installed: smbkit-sofa-plugin(1)."""
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import rawbodies as b
from fakecouch import Couch
from fakeweb import listens
from harness import PROGRAM, TOP, Server, Skip, case, check, check_logged, expect, free_port, main, random_bytes, smbkit, wait_for, write_file
from rawclient import connect

READ_DATA = 1
UNAVAILABLE = '0xc0000466'
DATA_ERROR = '0xc000003e'
VIEWS = {'Artist': {'map': 'function (doc) { if (doc.Artist) emit(doc.Artist, null); }', 'reduce': '_count'},
         'Duration': {'map': 'function (doc) { if (doc.Duration) emit(doc.Duration, null); }'},
         'Tracknum': {'map': 'function (doc) { if (doc.TrackNum) emit(doc.TrackNum, null); }'}}

if not os.path.exists(os.path.join(os.path.dirname(PROGRAM), 'smbkit-sofa-plugin.so')):
    print('1..0 # SKIP built without libcurl4-openssl-dev')
    sys.exit(0)


def share(url, arguments=''):
    return Server(config=f'[h]\nplugin = sofa:url={url}{arguments}\nread only = no\n')


def fill(d):
    """A few songs; what is put where is the return value."""
    songs = [('Miles Davis', 'So What', 545, 1), ('Miles Davis', 'Blue in Green', 327, 3), ('AC/DC', 'Hells Bells', 312, 1),
             ('311', 'Down', 173, 4), ('Nina & Co', 'What?', 250.5, 4)]
    d('_design/music', {'language': 'javascript', 'views': VIEWS})
    for i, (artist, name, duration, number) in enumerate(songs):
        d(f'song{i}', {'Type': 'Recording', 'Artist': artist, 'Name': name, 'Duration': duration, 'TrackNum': number})
    return songs


def shown(name):
    """As clients see it."""
    for c, code in (('/', 0xf02f), ('?', 0xf025), ('"', 0xf020), (':', 0xf022), ('*', 0xf021)):
        name = name.replace(c, chr(code))
    return name


def look(c, at=''):
    """What fill() made, by its views."""
    check(c.names(at) == ['Artist', 'Documents', 'Duration', 'Tracknum'], c.names(at))
    at = at + '\\' if at else ''
    check(c.names(at + 'Artist') == sorted(['311', shown('AC/DC'), 'Miles Davis', 'Nina & Co']), c.names(at + 'Artist'))
    check(c.names(at + 'Artist\\Miles Davis') == ['Blue in Green.json', 'So What.json'], c.names(at + 'Artist\\Miles Davis'))
    check(c.names(at + 'Artist\\' + shown('AC/DC')) == ['Hells Bells.json'])
    check(c.names(at + 'Tracknum') == ['1 - Hells Bells.json', '1 - So What.json', '3 - Blue in Green.json', '4 - Down.json',
                                       shown('4 - What?.json')], c.names(at + 'Tracknum'))
    check(c.names(at + 'Documents') == [shown('_design/music.json')] + [f'song{i}.json' for i in range(5)], c.names(at + 'Documents'))
    sizes = {e.name: e.size for e in c.listing(at + 'Documents')}
    for i in range(5):
        text = c.content(f'{at}Documents\\song{i}.json')
        check(len(text) == sizes[f'song{i}.json'] and json.loads(text)['_id'] == f'song{i}', text)


def queries(c, at=''):
    """Folders are made and renamed at any depth; the name is what they show."""
    at = at + '\\' if at else ''
    c.make_folder(at + 'Tracknum key=4')
    check(c.names(at + 'Tracknum key=4') == ['4 - Down.json', shown('4 - What?.json')], c.names(at + 'Tracknum key=4'))
    deep = at + 'Artist\\Miles Davis\\Duration startkey=200&endkey=320&limit=5'
    c.make_folder(deep)
    check(c.names(deep) == [shown('250.5 - What?.json'), '312 - Hells Bells.json'], c.names(deep))
    c.make_folder(deep + '\\tracknum key=3')
    check(c.names(deep + '\\tracknum key=3') == ['3 - Blue in Green.json'])
    c.make_folder(at + 'Miles Davis')
    check(c.names(at + 'Miles Davis') == ['Blue in Green.json', 'So What.json'])
    c.make_folder(at + 'New folder')
    check(c.names(at + 'New folder') == [])
    expect('RENAME', c.move(at + 'New folder', at + 'Artist key=Nina %26 Co'), 'OK')
    check(c.names(at + 'Artist key=Nina %26 Co') == [shown('What?.json')], c.names(at + 'Artist key=Nina %26 Co'))
    expect('RENAME', c.move(at + 'Tracknum', at + 'Tracknum key=1&descending=true'), 'OK')
    check(c.names(at + 'Tracknum key=1&descending=true') == ['1 - Hells Bells.json', '1 - So What.json'])
    check('Tracknum' in c.names(at) and 'Tracknum key=1&descending=true' in c.names(at), c.names(at))
    c.make_folder(at + 'Artist startkey=B')
    check(c.names(at + 'Artist startkey=B') == ['Miles Davis', 'Nina & Co'])
    for wrong in ('Tracknum kez=4', 'Tracknum limit=x', 'Tracknum key=', 'Tracknum descending=maybe', 'Tracknum 4=', 'Tracknum &='):
        expect(wrong, c.try_open(at + wrong, disposition=b.CREATE_NEW, options=b.FOLDER), 'OBJECT_NAME_INVALID')
    expect('RENAME', c.move(at + 'Tracknum key=4', at + 'Tracknum key=4&foo=1'), 'OBJECT_NAME_INVALID')
    check('Tracknum key=4' in c.names(at))
    # What is deleted there is off the list; no document goes.
    for name in c.names(at + 'Tracknum key=4'):
        c.remove(f'{at}Tracknum key=4\\{name}')
    c.remove(at + 'Tracknum key=4', options=b.FOLDER)
    check('Tracknum key=4' not in c.names(at) and 'song3.json' in c.names(at + 'Documents'))


@case('documents, views, and names of folders that are queries')
def tour():
    with Couch() as couch:
        d = couch.make('music')
        couch.make('a/b')
        fill(d.put)
        with share(couch.url) as s, connect(s, 'h') as c:
            check(c.names() == [shown('a/b'), 'music'], c.names())
            check(c.names(shown('a/b')) == ['Documents'])
            look(c, 'music')
            queries(c, 'music')
            expect('OPEN', c.try_open('x', disposition=b.CREATE_NEW, options=b.FOLDER), 'ACCESS_DENIED')
        with share(couch.url, ',database=music') as s, connect(s, 'h') as c:
            look(c)
            queries(c)


@case('many rows, page by page, up to rows=')
def many():
    with Couch() as couch:
        d = couch.make('db')
        d.put('_design/x', {'views': {'N': {'map': 'emit(doc.n)'}}})
        for i in range(2500):
            d.put(f'd{i:04}', {'n': i})
        with share(couch.url, ',database=db') as s, connect(s, 'h') as c:
            check(len(c.names('Documents')) == 2501 and len(c.names('N')) == 2500)
            c.make_folder('N startkey=1000&limit=1100&skip=50')
            names = c.names('N startkey=1000&limit=1100&skip=50')
            check(len(names) == 1100 and names[0] == '1050 - d1050.json', names[0], len(names))
        with share(couch.url, ',database=db,rows=1200') as s, connect(s, 'h') as c:
            check(len(c.names('Documents')) == 1200)
            check_logged('not shown whole', s)


@case('documents are written with their revision, and a conflict is told at close')
def writing():
    with Couch() as couch:
        d = couch.make('db')
        d.put('one', {'n': 0.1, 'big': 123456789012345678901234567890})
        with share(couch.url, ',database=db') as s, connect(s, 'h') as c:
            text = c.content('Documents\\one.json')
            check(b'123456789012345678901234567890' in text and b'0.1,' in text, text)
            f = c.opened('Documents\\one.json')
            new = text.replace(b'0.1', b'0.2')
            c.write(f, new)
            check(c.close(f) == 'OK' and d.docs['one']['n'] == 0.2, d.docs)
            check(c.content('Documents\\one.json') != text)
            # The text names the revision that it was before.
            f = c.opened('Documents\\one.json')
            c.write(f, text)
            expect('CLOSE', c.close(f), 'SHARING_VIOLATION')
            check_logged('Document update conflict', s)
            check(d.docs['one']['n'] == 0.2 and b'0.2' in c.content('Documents\\one.json'))
            # It names none: that of the open counts.
            f = c.opened('Documents\\one.json')
            rev = d.docs['one']['_rev']
            d.put('one', {'n': 3}, rev)
            c.set_size(f, 0)
            c.write(f, b'{"n": 4}')
            expect('CLOSE', c.close(f), 'SHARING_VIOLATION')
            f = c.opened('Documents\\one.json')
            c.set_size(f, 0)
            c.write(f, b'{"n": 5}')
            check(c.close(f) == 'OK' and d.docs['one']['n'] == 5)
            f = c.opened('Documents\\one.json')
            c.set_size(f, 0)
            c.write(f, b'{"n": ')
            expect('CLOSE', c.close(f), 'INVALID_PARAMETER')
            check(json.loads(c.content('Documents\\one.json'))['n'] == 5)
            f = c.opened('Documents\\t\u00fc o.json', disposition=b.CREATE_NEW)
            c.write(f, b'{"x": 1}')
            check(c.close(f) == 'OK' and d.docs['t\u00fc o']['x'] == 1)
            expect('CREATE', c.try_open('Documents\\one.json', disposition=b.CREATE_NEW), 'OBJECT_NAME_COLLISION')
            for name in ('x.txt', '_x.json'):
                expect('CREATE', c.try_open('Documents\\' + name, disposition=b.CREATE_NEW), 'OBJECT_NAME_INVALID')
            c.remove('Documents\\t\u00fc o.json')
            check('t\u00fc o' not in d.docs and c.names('Documents') == ['one.json'], c.names('Documents'))


def turns(c, mid, what):
    r = c.receive(mid, 30)
    check(r is not None and r.name in ('OK', 'NOTIFY_ENUM_DIR', '0x10c'), what, r and r.name)


@case('changes are seen while one looks')
def live():
    with Couch(heartbeat_s=0.2) as couch:
        d = couch.make('db')
        fill(d.put)
        with share(couch.url, ',database=db') as s, connect(s, 'h') as c, connect(s, 'h') as watcher:
            look(c)
            wait_for(lambda: couch.count('_changes'), 30, 'the feed')
            for folder, name in (('Documents', 'new.json'), ('Tracknum', '9 - New.json')):
                f = watcher.opened(folder, access=b.LIST, options=b.FOLDER)
                expect('QUERY_DIRECTORY', watcher.query_folder(f).name, 'OK')
                mid = watcher.send(b.CHANGE_NOTIFY, b.change_notify(f))
                watcher.await_interim(mid)
                rev = d.put('new', {'Name': 'New', 'TrackNum': 9})
                turns(watcher, mid, folder)
                wait_for(lambda: name in c.names(folder), 30, name)
                mid = watcher.send(b.CHANGE_NOTIFY, b.change_notify(f))
                d.put('new', {'_deleted': True}, rev)
                wait_for(lambda: name not in c.names(folder), 30, name + ' to go')
                turns(watcher, mid, folder)
                watcher.close(f)
            # A view comes, and a feed ends and is begun anew where it was.
            d.put('_design/more', {'views': {'Year': {'map': 'emit(doc.Year)'}, 'Artist': {'map': 'emit(doc.Artist)'}}})
            wait_for(lambda: c.names() == ['Artist', 'Artist (music)', 'Documents', 'Duration', 'Tracknum', 'Year'], 30, 'the view')
            d.put('old', {'Name': 'Old', 'Year': 1959})
            wait_for(lambda: c.names('Year') == ['1959 - Old.json'], 30, 'the song')
            check(any('since=' in p and '%2F%2B' in p for _, p, _ in couch.asked), 'sequences are opaque')


@case('attachments, by ranges and whole')
def attachments():
    data = random_bytes(700000)
    with Couch() as couch:
        d = couch.make('db')
        d.put('song', {'Name': 'x', 'TrackNum': 7})
        d.put('_design/music', {'views': VIEWS})
        d.attach('song', 'So What?.mp3', data, 'audio/mpeg')
        d.attach('song', 'words.txt', b'words' * 1000, 'text/plain')
        with share(couch.url, ',database=db') as s, connect(s, 'h') as c:
            check(c.names('Documents\\song') == [shown('So What?.mp3'), 'words.txt'], c.names('Documents\\song'))
            check(c.names('Tracknum') == [shown('7 - So What?.mp3'), '7 - words.txt'])
            sizes = {e.name: e.size for e in c.listing('Documents\\song')}
            check(sizes[shown('So What?.mp3')] == len(data) and sizes['words.txt'] == 5000)
            f = c.opened('Documents\\song\\' + shown('So What?.mp3'), access=READ_DATA)
            check(c.read(f, 1000, 300000) == data[300000:301000])
            check(all('Range' in h for m, p, h in couch.asked if m == 'GET' and p.endswith('.mp3')))
            d.attach('song', 'So What?.mp3', data[::-1], 'audio/mpeg')
            check(c.read(f, 1000, 600000) in (DATA_ERROR, data[600000:601000]))
            c.close(f)
            f = c.opened('Tracknum\\' + shown('7 - So What?.mp3'), access=READ_DATA)
            check(c.read(f, 65536, 0) == data[::-1][:65536])
            c.close(f)
            check(c.content('Tracknum\\7 - words.txt') == b'words' * 1000)
            check(c.try_open('Documents\\song\\words.txt', access=2) == 'ACCESS_DENIED')


@case('files on disk that documents name, and none beside them')
def on_disk():
    with tempfile.TemporaryDirectory() as top, Couch() as couch:
        root = top + '/music'
        os.makedirs(root + '/miles')
        write_file(root + '/miles/so what.mp3', b'la la')
        write_file(top + '/secret', b'secret')
        os.symlink(top + '/secret', root + '/link')
        d = couch.make('db')
        d.put('_design/music', {'views': VIEWS})
        for i, (name, path) in enumerate((('so what.mp3', 'miles/so what.mp3'), ('so what.mp3', root + '/miles'), ('up', '../secret'),
                                          ('away', '/etc/passwd'), ('link', 'link'), ('none', 'miles/none'))):
            d.put(f's{i}', {'Name': name, 'Path': path, 'TrackNum': i})
        d.put('s6', {'Name': 'zero', 'Path': 'miles/so what.mp3', 'TrackNum': 1})
        with share(couch.url, f',database=db,files={root}') as s, connect(s, 'h') as c:
            check(c.names('Tracknum') == ['0 - so what.mp3', '1 - so what.mp3', '1 - zero', '2 - up.json', '3 - away.json', '4 - link.json', '5 - none.json'],
                  c.names('Tracknum'))
            check(c.content('Tracknum\\1 - so what.mp3') == b'la la' and c.content('Tracknum\\1 - zero') == b'la la')
            check(b'secret' not in c.content('Tracknum\\4 - link.json'))


@case('log-in by basic and by _session, whose cookie grows old')
def who():
    with tempfile.TemporaryDirectory() as top:
        secret = write_file(top + '/secret', b'us er:p&ss=w%rd\n')
        os.chmod(secret, 0o600)
        with Couch(user='us er:p&ss=w%rd') as couch:
            d = couch.make('db')
            d.put('one', {'n': 1})
            d.attach('one', 'a.bin', bytes(400000))
            with share(couch.url, ',database=db') as s, connect(s, 'h') as c:
                expect('OPEN', c.try_open('Documents', options=b.FOLDER, access=b.LIST), 'ACCESS_DENIED')
            with share(couch.url, f',database=db,credentials={secret}') as s, connect(s, 'h') as c:
                check(c.names('Documents') == ['one', 'one.json'], c.names('Documents'))
            couch.asked.clear()
            with share(couch.url, f',database=db,credentials={secret},login=session') as s, connect(s, 'h') as c:
                check(c.names('Documents') == ['one', 'one.json'])
                check(not any('Authorization' in h for _, _, h in couch.asked) and couch.count('_session', 'POST') == 1)
                f = c.opened('Documents\\one\\a.bin', access=READ_DATA)
                check(c.read(f, 100) == bytes(100))
                couch.cookies.clear()
                check(c.read(f, 100, 300000) == bytes(100))
                couch.cookies.clear()
                check(json.loads(c.content('Documents\\one.json'))['n'] == 1)
                check(couch.count('_session', 'POST') >= 3)
                with open(s.log_path, encoding='utf-8') as f:
                    check('w%rd' not in f.read())
        with Couch(user='other:word') as couch:
            couch.make('db')
            with share(couch.url, f',database=db,credentials={secret},login=session') as s, connect(s, 'h') as c:
                expect('OPEN', c.try_open('Documents', options=b.FOLDER, access=b.LIST), 'ACCESS_DENIED')
                check_logged('no log-in', s)
        for arguments, words in (('', 'url= is missing'), ('url=ftp://x', 'http://'), ('url=http://u@x', 'user'), ('url=http://x?y', 'query'),
                                 ('url=http://x,login=session', 'credentials='), ('url=http://x,files=/none/such', 'not there'),
                                 ('url=http://x,cache=1M,whole=1M', 'half')):
            r = smbkit('serve', '--listen', '127.0.0.1:0', f'sofa:{arguments}')
            check(r.code == 1 and words in r.text, arguments, r.code, r.text)


@case('a database that dies: a clear error, and it recovers')
def dies():
    with Couch(heartbeat_s=0.2) as couch:
        port = couch.port
        d = couch.make('db')
        fill(d.put)
        s = share(couch.url, ',database=db,retries=1')
        s.__enter__()
        try:
            with connect(s, 'h') as c:
                look(c)
                couch.__exit__()
                wait_for(lambda: c.try_open('Documents\\song1.json', access=READ_DATA) == UNAVAILABLE, 30, 'the error')
                expect('OPEN', c.try_open('Documents\\none.json', disposition=b.CREATE_NEW), UNAVAILABLE)
                check_logged('request failed', s)
                with Couch(port, heartbeat_s=0.2) as again:
                    again.databases['db'] = d
                    wait_for(lambda: c.try_open('Documents\\song1.json', access=READ_DATA) == 'OK', 30, 'it to recover')
                    look(c)
                    d.put('late', {'n': 1})
                    wait_for(lambda: 'late.json' in c.names('Documents'), 30, 'what came later')
        finally:
            s.__exit__(None, None, None)


def raw_server(answer):
    """One that answer(connection) speaks for, on each connection."""
    listener = socket.create_server(('127.0.0.1', 0))

    def run():
        while True:
            try:
                c, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(c,), daemon=True).start()
    threading.Thread(target=run, daemon=True).start()
    return listener


@case('killed in mid-transfer: nobody hangs, what was acknowledged is there')
def killed():
    with Couch() as couch:
        d = couch.make('db')
        d.put('one', {'n': 1})
        d.attach('one', 'a.bin', bytes(500000))

        def cut(h):
            if h.command == 'HEAD':
                h.answer(200, b'', {'Content-Length': '500000', 'ETag': '"x"', 'Accept-Ranges': 'bytes'})
                return
            h.answer(206, bytes(1000), {'Content-Length': '131072', 'ETag': '"x"', 'Content-Range': 'bytes 0-131071/500000'})
            h.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            h.close_connection = True
        couch.pages['/db/one/a.bin'] = cut
        with share(couch.url, ',database=db,retries=1,idle-timeout=1s') as s, connect(s, 'h') as c:
            f = c.opened('Documents\\one\\a.bin', access=READ_DATA)
            got = c.read(f, 1000)
            check(isinstance(got, str) and got != 'OK', got)
            c.close(f)

            def lost(h):
                """The document is written, and the answer to that is lost."""
                if h.command == 'PUT':
                    d.put('one', json.loads(h.body), h.query.get('rev'))
                    h.close_connection = True
                else:
                    h.document(d, 'one')
            couch.pages['/db/one'] = lost
            puts = couch.count('/db/one', 'PUT')
            f = c.opened('Documents\\one.json')
            c.set_size(f, 0)
            c.write(f, b'{"n": 2}')
            check(c.close(f) != 'OK')
            check(couch.count('/db/one', 'PUT') == puts + 1, 'not written twice')
            couch.pages['/db/one'] = lambda h: couch.ends.wait(60)
            mid = c.send(b.CREATE, b.create('Documents\\one.json', access=READ_DATA))
            c.cancel(async_id=c.await_interim(mid))
            expect('OPEN', c.receive(mid, 30).name, 'CANCELLED')
            c.send(b.CREATE, b.create('Documents\\one.json', access=READ_DATA))
            c.drop(reset=True)  # and the server ends in good order


@case('a server that answers nonsense: errors, and nothing worse')
def nonsense():
    answers = (b'', b'[]', b'{', b'\0' * 100, b'[' * 100000, b'{"rows": 1}', b'{"rows": [1, {"doc": 5}, {"doc": {"_id": 5}}]}', b'null',
               b'{"rows":[{"id":"..","key":1,"doc":{"_id":"..","_rev":"1-x"}},{"doc":{"_id":"","_rev":""}}]}')
    with Couch() as couch:
        d = couch.make('db')
        fill(d.put)
        with share(couch.url) as s, connect(s, 'h') as c:
            look(c, 'db')
            for path in ('/_all_dbs', '/db/', '/db/_all_docs', '/db/_design/music/_view/Tracknum', '/db/song1', '/db/_changes'):
                for text in answers:
                    couch.pages[path] = lambda h, text=text: h.answer(200, text)
                    d.put('kick', {'n': 1}, d.docs.get('kick', {}).get('_rev'))
                    for name in ('', 'db', 'db\\Documents', 'db\\Tracknum'):
                        f = c.try_open(name, access=b.LIST, options=b.FOLDER)
                        check(isinstance(f, str))
                    check(c.try_open('db\\Documents\\song1.json', access=READ_DATA) != 'TIMEOUT')
                del couch.pages[path]
            wait_for(lambda: c.try_open('db\\Documents\\song1.json', access=READ_DATA) == 'OK', 30, 'sense')


# ---- the example ----

def mp3(artist, title, track, seconds, version=4):
    """As small as such a file can be: a tag, and a frame that tells how many there are."""
    def frame(name, text):
        text = b'\3' + text.encode() if version == 4 else b'\1' + text.encode('utf-16')
        return name + struct.pack('>IH', len(text), 0) + text
    tags = frame(b'TPE1', artist) + frame(b'TIT2', title) + frame(b'TRCK', track)
    size = len(tags)
    head = b'ID3' + bytes([version, 0, 0, size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127])
    frames = round(seconds * 44100 / 1152)
    return head + tags + b'\xff\xfb\x90\x00' + bytes(32) + b'Xing' + struct.pack('>II', 1, frames) + bytes(600)


def load(url, folder, *more):
    r = subprocess.run([sys.executable, os.path.join(TOP, 'docs/examples/music.py'), *more, url, folder], capture_output=True, text=True,
                       timeout=120, check=False)
    check(r.returncode == 0, r.stdout, r.stderr)
    return int(r.stdout.split()[0])


def music(url, make):
    """The page's example: tags into views, and files from disk or as attachments."""
    with tempfile.TemporaryDirectory() as top:
        os.mkdir(top + '/miles')
        so_what = mp3('Miles Davis', 'So What', '1/5', 545)
        write_file(top + '/miles/So What.mp3', so_what)
        write_file(top + '/miles/Blue.mp3', mp3('Miles Davis', 'Blue', '3', 327, version=3))
        write_file(top + '/Down.MP3', b'\xff\xfb\x90\x00' + bytes(16000 * 20) + b'TAG' + b'Down'.ljust(30, b'\0') + b'311'.ljust(30, b'\0')
                   + bytes(62) + bytes([0, 4, 0]))
        write_file(top + '/cover.jpg', b'no')
        for more, arguments in (((), f',files={top}'), (('--attach',), '')):
            name = 'songs' + ('-attached' if more else '')
            make(name)
            check(load(url + name, top, *more) == 3 and load(url + name, top, *more) == 0)
            with share(url, f',database={name}{arguments}') as s, connect(s, 'h') as c:
                check(c.names('Artist') == ['311', 'Miles Davis'], c.names('Artist'))
                check(c.names('Artist\\Miles Davis') == ['Blue.mp3', 'So What.mp3'], c.names('Artist\\Miles Davis'))
                check(c.names('Tracknum') == ['1 - So What.mp3', '3 - Blue.mp3', '4 - Down.MP3'], c.names('Tracknum'))
                check(c.names('Duration') == ['20 - Down.MP3', '327 - Blue.mp3', '545 - So What.mp3'], c.names('Duration'))
                c.make_folder('Duration startkey=300&endkey=400')
                check(c.names('Duration startkey=300&endkey=400') == ['327 - Blue.mp3'])
                check(c.content('Artist\\Miles Davis\\So What.mp3') == so_what)
                check({e.name: e.size for e in c.listing('Artist\\Miles Davis')}['So What.mp3'] == len(so_what))


@case('the music example')
def example():
    with Couch() as couch:
        music(couch.url, couch.make)


# ---- pouchdb-server ----

def pouch_program():
    """As scripts/install-deps check puts it, or named by POUCHDB_SERVER."""
    for name in (os.environ.get('POUCHDB_SERVER'), '/usr/local/lib/smbkit-check/node_modules/.bin/pouchdb-server'):
        if name and os.path.exists(name):
            return name
    return None


class Pouch:
    def __init__(self):
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen([pouch_program(), '--in-memory', '--port', str(self.port), '--host', '127.0.0.1', '--no-stdout-logs'],
                                        cwd=self.folder.name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = f'http://127.0.0.1:{self.port}/'
        wait_for(lambda: listens(self.port), 60, 'pouchdb-server')

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.process.kill()
        self.process.wait(20)
        self.folder.cleanup()

    def ask(self, method, path, value=None, data=None, kind='application/json'):
        data = json.dumps(value).encode() if value is not None else data
        r = urllib.request.Request(self.url + path, data=data, method=method, headers={'Content-Type': kind})
        with urllib.request.urlopen(r, timeout=20) as answer:
            return json.loads(answer.read())


@case('pouchdb-server')
def pouch():
    if not pouch_program():
        raise Skip('pouchdb-server is not there: scripts/install-deps check')
    with Pouch() as p:
        p.ask('PUT', 'music')
        fill(lambda name, doc: p.ask('PUT', 'music/' + name, doc))
        with share(p.url, ',database=music') as s, connect(s, 'h') as c:
            look(c)
            queries(c)
            f = c.opened('Documents\\song0.json')
            c.set_size(f, 0)
            c.write(f, b'{"Name": "New", "TrackNum": 8}')
            expect('CLOSE', c.close(f), 'OK')
            check(p.ask('GET', 'music/song0')['Name'] == 'New')
            wait_for(lambda: c.names('Documents') and '8 - New.json' in c.names('Tracknum'), 30, 'the view')
            f = c.opened('Documents\\song0.json')
            rev = p.ask('GET', 'music/song0')['_rev']
            p.ask('PUT', f'music/song0?rev={rev}', {'Name': 'Other'})
            c.write(f, b'{"Name": "Mine"}'.ljust(c.sizes(f)[1]))
            expect('CLOSE', c.close(f), 'SHARING_VIOLATION')
            p.ask('PUT', 'music/att/words.txt', data=b'words', kind='text/plain')
            wait_for(lambda: 'att' in c.names('Documents'), 30, 'the attachment')
            check(c.content('Documents\\att\\words.txt') == b'words')
            c.remove('Documents\\song1.json')
            music(p.url, lambda name: None)
            wait_for(lambda: 'song1' not in [r['id'] for r in p.ask('GET', 'music/_all_docs')['rows']], 30, 'it to go')


main()
