# SPDX-License-Identifier: Apache-2.0
"""An SQLite database as a share (smbkit-sqlite-plugin(1)), compared with what the program sqlite3 says (quick)."""
import base64
import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading

import rawbodies as b
from harness import PROGRAM, Server, Skip, case, check, check_in, check_logged, expect, main, run, wait_for
from rawclient import Closed, connect

DATA_ERROR, UNAVAILABLE, TIMEOUT, DELETED = '0xc000003e', '0xc0000466', '0xc00000b5', '0xc0000123'

if not os.path.exists(os.path.join(os.path.dirname(PROGRAM), 'smbkit-sqlite-plugin.so')):
    print('1..0 # SKIP built without libsqlite3-dev')
    sys.exit(0)
if not shutil.which('sqlite3'):
    print('1..0 # SKIP sqlite3 is not installed')
    sys.exit(0)

SONGS = '''CREATE TABLE song(id INTEGER PRIMARY KEY, title TEXT NOT NULL, seconds INTEGER CHECK (seconds > 0), rating REAL, cover BLOB,
    artist INTEGER REFERENCES artist, isrc TEXT UNIQUE);
CREATE TABLE artist(id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO artist VALUES (1, 'Miles Davis'), (2, 'Nina Simone');
INSERT INTO song VALUES (1, 'So What', 562, 4.5, x'00ff80', 1, 'a'), (2, 'Feeling "Good", again', 173, NULL, NULL, 2, 'b'),
    (3, '', 1, -0.125, x'', NULL, NULL), (4, 'zwei' || char(10) || 'Zeilen, Grüße 日本', 9223372036854775807, 1e300, NULL, 1, NULL);
CREATE VIEW long AS SELECT title, seconds FROM song WHERE seconds > 200;
CREATE TABLE "odd ""name"": a/b?*"("a key" TEXT, n, "", PRIMARY KEY ("a key", n)) WITHOUT ROWID;
INSERT INTO "odd ""name"": a/b?*" VALUES ('x,y', 1, 'one'), ('x,y', '1', 'text'), ('X,Y', 1, 'capital'), ('con.', 0.5, 'half'), ('*:?', x'00', 'blob');
CREATE TABLE low(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
INSERT INTO low VALUES ('a', 'small');
CREATE TABLE keyless(a, b);
INSERT INTO keyless VALUES (1, 2)'''


class Database:
    """A server with a share "d" of a database of its own."""

    def __init__(self, sql=SONGS, arguments='', prefix=(), more=()):
        self.server = Server('mem:', *more)
        self.path = self.server.path('a.db')
        self.queries = self.server.make_folder('queries')
        self.sql(sql)
        self.server.command.append(f'd=sqlite:file={self.path},queries={self.queries}{arguments}')
        self.server.prefix = list(prefix)

    def sql(self, text, *options):
        """What sqlite3 prints."""
        return subprocess.run(['sqlite3', '-cmd', '.timeout 30000', *options, self.path, text], check=True, capture_output=True,
                              timeout=120).stdout.decode()

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *what):
        return self.server.__exit__(*what)

    def connect(self):
        return connect(self.server, 'd')


def whole(c, path):
    f = c.opened(path, access=1)
    size = c.sizes(f)[1]
    data = b''.join(c.read(f, min(1 << 20, size - at), at) for at in range(0, size, 1 << 20))
    c.close(f)
    return data


def write(c, path, text, disposition=b.OVERWRITE_IF):
    """What CREATE or CLOSE answers."""
    r = c.create(path, disposition=disposition)
    if r.status:
        return r.name
    if text:
        expect('write', c.write(r.file_id, text.encode()), 'OK')
    return c.close(r.file_id)


def shown(name):
    """As SMB has it: smbkit-dir-plugin(1)."""
    return ''.join(chr(0xf020 + '"*:<>?\\|'.index(x)) if x in '"*:<>?\\|' else '\uf02f' if x == '/' else x for x in name)


ODD = 'odd "name": a/b?*'


@case('tables and views are what sqlite3 prints')
def tables():
    with Database() as d, d.connect() as c:
        expect('the root', c.names(), ['queries', 'rows', 'schema.sql', 'tables'])
        expect('tables', c.names('tables'), sorted(shown(n) + e for n in ('song', 'artist', 'low', 'long', ODD, 'keyless') for e in ('.csv', '.json')))
        expect('rows', c.names('rows'), sorted(shown(n) for n in ('song', 'artist', 'low', ODD)))
        for name in ('artist', 'long', 'keyless'):
            is_, want = whole(c, f'tables\\{name}.csv').decode(), d.sql(f'SELECT * FROM {name}', '-csv', '-header')
            expect(name, list(csv.reader(io.StringIO(is_, newline=''))), list(csv.reader(io.StringIO(want, newline=''))))
            expect(name, json.loads(whole(c, f'tables\\{name}.json')), json.loads(d.sql(f'SELECT * FROM {name}', '-json')))
        plain = 'id, title, seconds, rating, artist, isrc'
        want = json.loads(d.sql(f'SELECT {plain} FROM song', '-json'))
        is_ = json.loads(whole(c, 'tables\\song.json'))
        covers = [r.pop('cover:base64', r.pop('cover', None)) for r in is_]
        expect('songs', is_, want)
        expect('covers', [x if x is None else base64.b64decode(x).hex().upper() for x in covers],
               [r['h'] for r in json.loads(d.sql('SELECT CASE WHEN cover IS NOT NULL THEN hex(cover) END AS h FROM song', '-json'))])
        rows = list(csv.DictReader(io.StringIO(whole(c, 'tables\\song.csv').decode(), newline='')))
        expect('CSV', [r['title'] for r in rows], [r['title'] for r in want])
        expect('CSV', rows[0]['cover'], 'base64:AP+A')
        again = d.server.path('again.db')
        run(['sqlite3', again], stdin=whole(c, 'schema.sql').decode()).ok()
        check(os.path.getsize(again) > 0, 'the schema')


@case('each row is its file')
def rows():
    with Database() as d, d.connect() as c:
        expect('songs', c.names('rows\\song'), [f'{n}.json' for n in range(1, 5)])
        for row in json.loads(whole(c, 'tables\\song.json')):
            expect('a row', json.loads(whole(c, f'rows\\song\\{row["id"]}.json')), row)
        folder = 'rows\\' + shown(ODD)
        names = c.names(folder)
        expect('odd keys', len(names), 5)
        values = {json.loads(whole(c, f'{folder}\\{n}'))[''] for n in names}
        expect('what they lead to', values, {'one', 'text', 'capital', 'half', 'blob'})
        check('X%2CY,%i1.json' in names and '%78%2C%79,%i1.json' in names, names)  # one of two that differ in letters only
        expect('a name', json.loads(whole(c, folder + '\\%78%2C%79,%i1.json'))[''], 'one')
        expect('none', c.content('rows\\song\\7.json'), 'OBJECT_NAME_NOT_FOUND')
        expect('another spelling', c.content('rows\\song\\01.json'), 'OBJECT_NAME_NOT_FOUND')
        expect('before', c.names('rows\\low'), ['a.json'])
        d.sql("INSERT INTO low VALUES ('A', 'capital')")  # it comes first, but a.json is that of 'a' since before
        wait_for(lambda: len(c.names('rows\\low')) == 2, 60, 'the new row')
        expect('two', [(n, json.loads(whole(c, f'rows\\low\\{n}'))['v']) for n in c.names('rows\\low')], [('%41.json', 'capital'), ('a.json', 'small')])
        for e in c.listing('rows\\song'):
            if e.name.endswith('.json'):
                f = c.opened(f'rows\\song\\{e.name}', access=0x80)
                check(c.sizes(f)[1] == len(whole(c, f'rows\\song\\{e.name}')), 'the size of', e.name)
                c.close(f)


@case('smbclient puts, gets, renames and deletes rows')
def by_smbclient():
    with Database() as d:
        local = d.server.path('local.json')
        with open(local, 'w', encoding='utf-8') as f:
            json.dump({'title': 'Blue in Green', 'seconds': 337, 'cover:base64': base64.b64encode(b'\0cover').decode(), 'artist': 1}, f)
        d.server.smbclient('d', f'cd rows/song; put {local} 10.json; put {local} 11.json; rename 11.json 12.json; del 3.json; '
                                f'get 10.json {d.server.path("got.json")}').ok()
        expect('rows', d.sql('SELECT group_concat(id) FROM (SELECT id FROM song ORDER BY id)'), '1,2,4,10,12\n')
        expect('it', d.sql('SELECT title, seconds, hex(cover), artist FROM song WHERE id = 12'), 'Blue in Green|337|00636F766572|1\n')
        with open(d.server.path('got.json'), encoding='utf-8') as f:
            got = json.load(f)
        expect('got', (got['id'], got['title'], got['rating']), (10, 'Blue in Green', None))
        with open(local, 'w', encoding='utf-8') as f:
            f.write('{"title": null}')
        r = d.server.smbclient('d', f'put {local} rows/song/13.json')
        check(r.code != 0 or 'INVALID_PARAMETER' in r.text, r.text)
        check_logged('NOT NULL constraint failed: song.title', d.server)
        expect('rows', d.sql('SELECT count(*) FROM song'), '5\n')


@case('what cannot be saved fails the CLOSE and changes nothing')
def refused():
    with Database() as d, d.connect() as c:
        before = d.sql('.dump')
        for path, text, want in (('rows\\song\\1.json', '{"seconds": 0}', 'INVALID_PARAMETER'), ('rows\\song\\1.json', '{"artist": 9}', 'INVALID_PARAMETER'),
                                 ('rows\\song\\1.json', '{"isrc": "b"}', 'OBJECT_NAME_COLLISION'), ('rows\\song\\1.json', '{"id": 50}', 'OBJECT_NAME_INVALID'),
                                 ('rows\\song\\1.json', '{"other": 0}', DATA_ERROR), ('rows\\song\\1.json', 'not JSON', DATA_ERROR),
                                 ('rows\\song\\20.json', '{"seconds": 5}', 'INVALID_PARAMETER'), ('rows\\song\\20.json', '[' * 100000, DATA_ERROR),
                                 ('rows\\song\\x.json', '{"title": "x"}', 'INVALID_PARAMETER'), ('rows\\song\\01.json', '{}', 'OBJECT_NAME_COLLISION'),
                                 ('rows\\song\\1.txt', '{}', 'OBJECT_NAME_INVALID'), ('rows\\song\\1.json~', '{}', 'OBJECT_NAME_INVALID'),
                                 ('tables\\song.csv', 'x', 'ACCESS_DENIED'), ('schema.sql', 'x', 'ACCESS_DENIED'), ('new', 'x', 'ACCESS_DENIED')):
            expect(f'{path} {text[:20]}', write(c, path, text), want)
        expect('rows', c.names('rows\\song'), [f'{n}.json' for n in range(1, 5)])
        c.remove('rows\\artist\\1.json')  # songs are of it
        expect('a move', c.move('rows\\song\\1.json', 'rows\\artist\\5.json'), 'NOT_SAME_DEVICE')
        expect('a move', c.move('rows\\song\\1.json', 'rows\\song\\2.json'), 'OBJECT_NAME_COLLISION')
        expect('all of it', d.sql('.dump'), before)
        check_logged('CHECK constraint failed', d.server)
        check_logged('FOREIGN KEY constraint failed', d.server)


@case('FLUSH saves, and its answer tells whether')
def flush():
    with Database() as d, d.connect() as c:
        f = c.opened('rows\\artist\\3.json', disposition=b.CREATE_NEW)
        expect('write', c.write(f, b'{"name": '), 'OK')
        expect('half of it', c.flush(f), DATA_ERROR)
        expect('write', c.write(f, b'"Abbey"}', 9), 'OK')
        expect('flush', c.flush(f), 'OK')
        expect('it', d.sql('SELECT name FROM artist WHERE id = 3'), 'Abbey\n')
        d.sql('DELETE FROM artist WHERE id = 3')
        expect('nothing is new', c.flush(f), 'OK')
        expect('write', c.write(f, b'"Abbie"}', 9), 'OK')
        expect('the row has gone', c.close(f), DELETED)


@case('saved queries: made by clients, found on the host, refused if they change anything')
def queries():
    with Database() as d, d.connect() as c:
        text = 'SELECT name, count(*) AS songs FROM song JOIN artist ON artist.id = artist GROUP BY 1 ORDER BY 1'
        expect('saved', write(c, 'queries\\by artist.sql', text), 'OK')
        expect('its result', json.loads(whole(c, 'queries\\by artist.json')), json.loads(d.sql(text, '-json')))
        with open(os.path.join(d.queries, 'by artist.sql'), encoding='utf-8') as f:
            expect('the file', f.read(), text)
        with open(os.path.join(d.queries, 'two.sql'), 'w', encoding='utf-8') as f:
            f.write('-- of the host\nSELECT 2 AS two;\n')
        expect('of the host', whole(c, 'queries\\two.csv'), b'two\r\n2\r\n')
        for sql in ('DELETE FROM song', 'SELECT 1; DROP TABLE song', 'PRAGMA writable_schema = 1', "ATTACH '/etc/passwd' AS p", "VACUUM INTO '/tmp/x'"):
            check(write(c, 'queries\\bad.sql', sql) in ('ACCESS_DENIED', DATA_ERROR), sql)
        expect('names', c.names('queries'), ['by artist.csv', 'by artist.json', 'by artist.sql', 'two.csv', 'two.json', 'two.sql'])
        expect('renamed', c.move('queries\\two.sql', 'queries\\zwei.sql'), 'OK')
        expect('removed', c.remove('queries\\by artist.sql'), 'OK')
        expect('on the host', os.listdir(d.queries), ['zwei.sql'])
        expect('names', c.names('queries'), ['zwei.csv', 'zwei.json', 'zwei.sql'])


@case('what takes too long is ended, and cannot fill a disk')
def endless():
    with Database(arguments=',time=1s') as d, d.connect() as c:
        numbers = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT '
        for name, what in (('count', 'count(*) FROM n'), ('sort', 'i FROM n ORDER BY -i'), ('group', 'hex(zeroblob(1000)) || i, count(*) FROM n GROUP BY 1')):
            expect('saved', write(c, f'queries\\{name}.sql', numbers + what), 'OK')
            check(c.content(f'queries\\{name}.csv') in (TIMEOUT, 'INSUFFICIENT_RESOURCES'), name)
        expect('others', len(whole(c, 'tables\\artist.csv')) > 20, True)


HOGS = {  # each runs for minutes to days in one go, where nothing looks at the clock
    'instr': "SELECT instr(a, substr(a, 1, 1500000) || 'b') FROM a",
    'replace': "SELECT length(replace(a, substr(a, 1, 1500000) || 'b', 'c')) FROM a",
    'trim': "SELECT length(trim(a, replace(hex(zeroblob(900000)), '0', 'b') || 'a')) FROM a",
    'like': "SELECT a LIKE '%' || substr(a, 1, 40000) || 'b' FROM a",
    'long': "SELECT length(zeroblob(100000000))",
}


@case('functions that take the product of what they are given end, too, and say what those of SQLite do')
def slow_functions():
    with Database(arguments=',time=1s') as d, d.connect() as c:
        for name, what in HOGS.items():
            text = f"WITH a(a) AS MATERIALIZED (SELECT replace(hex(zeroblob(1500000)), '0', 'a')) {what}"
            expect('saved', write(c, f'queries\\{name}.sql', text), 'OK')
            got = c.content(f'queries\\{name}.csv')
            check(isinstance(got, bytes) and name in ('instr', 'replace') or
                  got in (TIMEOUT, 'INSUFFICIENT_RESOURCES', DATA_ERROR) and name not in ('instr', 'replace'), name, got)
        values = ('NULL', "''", "'a'", "'äaöäab'", "'äb'", 'x\'\'', "x'c3a400c3'", "x'a4'", "'aaa'", '12312', '3', "'日本aa日'")
        calls = [f'instr({x}, {y}) AS i, trim({x}, {y}) AS t, ltrim({x}, {y}) AS l, rtrim({x}, {y}) AS r, replace({x}, {y}, {z}) AS p'
                 for x in values for y in values for z in values]
        for at in range(0, len(calls), 200):
            text = ' UNION ALL '.join('SELECT ' + call for call in calls[at:at + 200])
            expect('saved', write(c, 'queries\\same.sql', text), 'OK')
            kept = sqlite3.connect(d.path)
            kept.text_factory = bytes
            want = [[(type(v), v) for v in row] for row in kept.execute(text)]
            kept.close()
            got = [[value_of(row, n) for n in 'itlrp'] for row in json.loads(whole(c, 'queries\\same.json'))]
            for call, is_, right in zip(calls[at:], got, want, strict=False):
                expect(call, is_, right)
            expect('all', len(got), len(want))


def value_of(row, name):
    """As Python has a value of SQLite's, text as bytes."""
    if name + ':text-base64' in row:
        return bytes, base64.b64decode(row[name + ':text-base64'])
    value = row[name + ':base64'] if name + ':base64' in row else row[name]
    value = base64.b64decode(value) if name + ':base64' in row else value.encode() if isinstance(value, str) else value
    return type(value), value


@case('a table that this SQLite cannot read leaves the others as they are')
def unknown_module():
    with Database() as d, d.connect() as c:
        kept = sqlite3.connect(d.path)
        kept.executescript("""PRAGMA writable_schema = ON;
            INSERT INTO sqlite_schema VALUES ('table', 'odd', 'odd', 0, 'CREATE VIRTUAL TABLE odd USING nothing(a)')""")
        kept.close()
        expect('rows', c.names('rows'), sorted(shown(n) for n in ('song', 'artist', 'low', ODD)))
        expect('a row', json.loads(whole(c, 'rows\\artist\\1.json'))['name'], 'Miles Davis')
        expect('itself', c.content('tables\\odd.csv'), DATA_ERROR)


@case('a large table, of one moment, beside who changes it')
def large():
    sql = '''CREATE TABLE n(id INTEGER PRIMARY KEY, turn, text);
        WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 150000) INSERT INTO n SELECT n, 0, 'text of ' || n FROM i'''
    with Database(sql, arguments=',rows=100,busy=60s,time=60s') as d, d.connect() as c:
        ends = threading.Event()

        def change():
            turn = 0
            while not ends.wait(0.05):
                turn += 1
                d.sql(f'UPDATE n SET turn = {turn}')
        changer = threading.Thread(target=change)
        changer.start()
        try:
            for _ in range(3):
                data = whole(c, 'tables\\n.csv').decode().split('\r\n')
                expect('lines', len(data), 150002)
                expect('turns', len({line.split(',')[1] for line in data[1:-1]}), 1)
        finally:
            ends.set()
            changer.join()
        expect('the rows', whole(c, 'tables\\n.csv').decode().replace('\r\n', '\n'), 'id,turn,text\n' + d.sql("SELECT id || ',' || turn || ',' || text FROM n"))
        expect('listed', len(c.names('rows\\n')), 100)
        expect('another', json.loads(whole(c, 'rows\\n\\140000.json'))['text'], 'text of 140000')
        expect('deleted', c.remove('rows\\n\\149999.json'), 'OK')
        expect('deleted', d.sql('SELECT count(*) FROM n'), '149999\n')


def await_notice(c, mid):
    r = c.receive(mid, 60)
    check(r is not None, 'nobody was told')
    check(r.name in ('OK', 'NOTIFY_ENUM_DIR'), r.name)


@case('clients are told when another process changes it')
def notified():
    with Database() as d, d.connect() as c, d.connect() as other:
        expect('before', len(c.names('rows\\artist')), 2)
        for path, sql in (('rows\\artist', "INSERT INTO artist VALUES (3, 'x')"), ('rows', 'CREATE TABLE newer(k PRIMARY KEY)'),
                          ('tables', 'CREATE VIEW v AS SELECT 1')):
            f = other.opened(path, access=b.LIST, options=b.FOLDER)
            mid = other.send(b.CHANGE_NOTIFY, b.change_notify(f))
            other.await_interim(mid)
            d.sql(sql)
            await_notice(other, mid)
            other.close(f)
        wait_for(lambda: len(c.names('rows\\artist')) == 3, 60, 'the new row')
        check('newer' in c.names('rows'), c.names('rows'))
        f = c.opened('rows\\artist\\1.json', access=1, oplock=1)
        d.sql("UPDATE artist SET name = 'Miles' WHERE id = 1")
        wait_for(lambda: c.receive(0xffffffffffffffff, 1), 60, 'the break of the oplock')
        c.close(f)
        expect('it', json.loads(whole(c, 'rows\\artist\\1.json'))['name'], 'Miles')
        f = c.opened('tables\\artist.csv', access=1)
        before = c.read(f, 65536)
        d.sql('DELETE FROM artist WHERE id = 3')
        expect('as it was opened', c.read(f, 65536), before)
        c.close(f)


@case('another process holds a lock for long')
def locked():
    with Database(arguments=',busy=2s') as d, d.connect() as c:
        expect('before', len(c.names('rows\\artist')), 2)
        f = c.opened('rows\\artist\\3.json', disposition=b.CREATE_NEW)
        expect('write', c.write(f, b'{"name": "late"}'), 'OK')
        holder = sqlite3.connect(d.path, timeout=60, isolation_level=None)
        holder.execute('BEGIN EXCLUSIVE')
        expect('a table', c.content('tables\\artist.csv'), 'SHARING_VIOLATION')
        expect('a row', c.content('rows\\artist\\1.json'), 'SHARING_VIOLATION')
        expect('a change', write(c, 'rows\\artist\\1.json', '{}', b.OPEN), 'SHARING_VIOLATION')
        expect('not saved', c.flush(f), 'SHARING_VIOLATION')
        check_logged('locked by another for longer than busy=', d.server)
        with connect(d.server, 'mem') as m:
            m.put('other', b'others go on')
        holder.execute('ROLLBACK')
        holder.close()
        expect('saved', c.close(f), 'OK')
        expect('it', d.sql('SELECT name FROM artist WHERE id = 3'), 'late\n')


@case('the database goes, is replaced, is damaged')
def replaced():
    with Database() as d, d.connect() as c, d.connect() as watcher:
        check(len(whole(c, 'tables\\artist.csv')) > 10, 'before')
        f = watcher.opened('tables', access=b.LIST, options=b.FOLDER)
        mid = watcher.send(b.CHANGE_NOTIFY, b.change_notify(f))
        watcher.await_interim(mid)
        run(['sqlite3', d.path + '.new', "CREATE TABLE artist(id INTEGER PRIMARY KEY, name); INSERT INTO artist VALUES (7, 'new')"]).ok()
        os.rename(d.path + '.new', d.path)
        await_notice(watcher, mid)
        expect('new', whole(c, 'tables\\artist.csv'), b'id,name\r\n7,new\r\n')
        expect('written to', write(c, 'rows\\artist\\7.json', '{"name": "newer"}'), 'OK')
        expect('written to', d.sql('SELECT name FROM artist'), 'newer\n')
        os.rename(d.path, d.path + '.away')
        expect('gone', c.content('tables\\artist.csv'), UNAVAILABLE)
        expect('gone', write(c, 'rows\\artist\\7.json', '{}'), UNAVAILABLE)
        check(not os.path.exists(d.path), 'it was made')
        with open(d.path, 'wb') as g:
            g.write(os.urandom(8192))
        expect('damaged', c.content('tables\\artist.csv'), DATA_ERROR)
        check_logged('file is not a database', d.server)
        os.rename(d.path + '.away', d.path)
        wait_for(lambda: isinstance(c.content('tables\\artist.csv'), bytes), 60, 'the database to be back')


def damaged_pages(path):
    """All but the first, where the schema is."""
    with open(path, 'r+b') as f:
        f.seek(4096)
        size = os.path.getsize(path) - 4096
        f.write(b'\xa5' * size)


@case('damaged pages are an error, and no end of the server')
def damaged():
    sql = "CREATE TABLE n(id INTEGER PRIMARY KEY, t); WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 5000) INSERT INTO n SELECT n, n FROM i"
    d = Database(sql)
    damaged_pages(d.path)
    with d, d.connect() as c:
        expect('a table', c.content('tables\\n.csv'), DATA_ERROR)
        check(not isinstance(c.content('rows\\n\\5.json'), bytes), 'a row')
        check(write(c, 'rows\\n\\5.json', '{"t": 1}') != 'OK', 'a change')
        check_logged('malformed', d.server)


def write_rows(d, number, acknowledged, until):
    """Rows one after the other, until the server is gone; notes those whose CLOSE succeeded."""
    try:
        with d.connect() as c:
            n = 0
            while not until.is_set():
                n += 1
                key = number * 1000000 + n
                if write(c, f'rows\\n\\{key}.json', json.dumps({'t': 'x' * 3000}), b.CREATE_NEW) == 'OK':
                    acknowledged.append(key)
    except (OSError, Closed, AssertionError):
        pass


@case('a server that is killed in the midst of changes loses none that it acknowledged', 'DELETE')
@case('the same with a write-ahead log', 'WAL')
def killed(mode):
    with Database(f'PRAGMA journal_mode = {mode}; CREATE TABLE n(id INTEGER PRIMARY KEY, t)', ',busy=60s') as d:
        until, lists = threading.Event(), [[] for _ in range(4)]
        threads = [threading.Thread(target=write_rows, args=(d, i, got, until)) for i, got in enumerate(lists)]
        for t in threads:
            t.start()
        try:
            wait_for(lambda: sum(map(len, lists)) > 60, 120, 'rows')
        finally:
            d.server.kill()
            until.set()
            for t in threads:
                t.join()
        d.server.start()
        with d.connect() as c:
            there = {line.split(',')[0] for line in whole(c, 'tables\\n.csv').decode().split('\r\n')}
        missing = [k for got in lists for k in got if str(k) not in there]
        check(not missing, 'acknowledged, and lost:', missing)
        expect('integrity', d.sql('PRAGMA integrity_check'), 'ok\n')


@case('a full disk')
def full():
    if os.geteuid() != 0 or not shutil.which('unshare'):
        raise Skip('needs root, to mount a small file system')
    small = 'mount -t tmpfs -o size=256k none "$0" && cp "$1" "$0"/a.db && shift && exec "$@"'
    d = Database('CREATE TABLE n(id INTEGER PRIMARY KEY, t)')
    folder = d.server.make_folder('small')
    d.server.prefix = ['unshare', '-m', 'sh', '-c', small, folder, d.path]
    d.server.command[-1] = f'd=sqlite:file={folder}/a.db'
    if run(['unshare', '-m', 'true']).code != 0:
        raise Skip('no name space of its own')
    with d, d.connect() as c:
        answers = [write(c, f'rows\\n\\{n}.json', json.dumps({'t': 'x' * 30000})) for n in range(1, 20)]
        check_in('DISK_FULL', ' '.join(answers))
        there = {line.split(',')[0] for line in whole(c, 'tables\\n.csv').decode().split('\r\n')[1:-1]}
        expect('there', there, {str(n) for n, a in enumerate(answers, 1) if a == 'OK'})
        check_logged('database or disk is full', d.server)


@case('many clients change rows at a time')
def together():
    with Database('CREATE TABLE n(id INTEGER PRIMARY KEY, t)', ',busy=60s') as d:
        def work(number):
            with d.connect() as c:
                for n in range(20):
                    key = number * 100 + n
                    results.append(write(c, f'rows\\n\\{key}.json', '{"t": 1}', b.CREATE_NEW))
                    results.append(write(c, f'rows\\n\\{key}.json', json.dumps({'t': key})))
                    if n % 3 == 0:
                        results.append(c.move(f'rows\\n\\{key}.json', f'rows\\n\\{key + 10000}.json'))
                    if n % 3 == 1:
                        results.append(c.remove(f'rows\\n\\{key}.json'))
        results = []
        threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        expect('results', set(results), {'OK'})
        want = sorted((k if n % 3 else k + 10000, k) for i in range(6) for n in range(20) if n % 3 != 1 for k in (i * 100 + n,))
        expect('rows', sorted((r['id'], r['t']) for r in json.loads(d.sql('SELECT * FROM n', '-json'))), want)


@case('served by its name; read only where it cannot be written to')
def served():
    s = Server('mem:')
    path = s.path('my music.sqlite')
    run(['sqlite3', path, SONGS]).ok()
    s.command.append(path)
    with s, connect(s, 'my music') as c:
        expect('written', write(c, 'rows\\artist\\3.json', '{"name": "x"}'), 'OK')
        expect('no queries', c.names(), ['rows', 'schema.sql', 'tables'])
    with Database(arguments=',readonly=yes') as d, d.connect() as c:
        check(write(c, 'rows\\artist\\3.json', '{}') in ('ACCESS_DENIED', 'MEDIA_WRITE_PROTECTED'), 'written')
        check(c.try_open('rows\\artist\\1.json') in ('ACCESS_DENIED', 'MEDIA_WRITE_PROTECTED'), 'to write')
        expect('read', json.loads(whole(c, 'rows\\artist\\1.json'))['id'], 1)


main()
