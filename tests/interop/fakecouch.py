# SPDX-License-Identifier: Apache-2.0
"""A CouchDB 3 as far as smbkit-sofa-plugin(1) asks it, written from https://docs.couchdb.org/en/stable/api/: opaque sequences,
log-in by _session, ranges of attachments, a continuous _changes. Maps are of the form emit(doc.Field, ...)."""
import base64
import contextlib
import hashlib
import json
import re
import socket
import threading
import time
import urllib.parse

from fakeweb import FakeHandler, FakeServer

JSON = {'Content-Type': 'application/json'}


def order(key):
    """Of keys: null, booleans, numbers, strings, lists, objects."""
    if key is None or isinstance(key, bool):
        return (0, str(key).lower().replace('none', ''))
    if isinstance(key, (int, float)):
        return (1, key)
    if isinstance(key, str):
        return (2, key.lower(), key)
    return (3, [order(k) for k in key]) if isinstance(key, list) else (4, len(key))


class Database:
    def __init__(self):
        self.docs = {}
        self.blobs = {}  # by the id of a document and a name
        self.log = []    # (id, revision, is deleted)
        self.changed = threading.Condition()

    def seq(self, n=None):
        """Nobody can count with it."""
        return f'{len(self.log) if n is None else n}-g1AAAA{hashlib.md5(str(n).encode()).hexdigest()[:8]}_/+'

    def put(self, name, doc, rev=None):
        """A document's new revision, or None: a conflict."""
        with self.changed:
            old = self.docs.get(name)
            if (old['_rev'] if old else None) != (doc.get('_rev') or rev):
                return None
            return self._store(name, doc, old)

    def _store(self, name, doc, old):
        number = int(old['_rev'].split('-')[0]) + 1 if old else 1
        rev = f'{number}-{hashlib.md5(json.dumps(doc, sort_keys=True).encode()).hexdigest()}'
        deleted = doc.get('_deleted', False)
        if deleted:
            del self.docs[name]
        else:
            self.docs[name] = {**doc, '_id': name, '_rev': rev}
        self.log.append((name, rev, deleted))
        self.changed.notify_all()
        return rev

    def attach(self, name, file, data, kind='application/octet-stream'):
        with self.changed:
            old = self.docs.get(name)
            doc = {k: v for k, v in (old or {}).items() if k not in ('_id', '_rev')}
            digest = 'md5-' + base64.b64encode(hashlib.md5(data).digest()).decode()
            stubs = {**doc.get('_attachments', {}), file: {'content_type': kind, 'digest': digest, 'length': len(data), 'revpos': 1, 'stub': True}}
            self.blobs[name, file] = (data, kind, digest[4:])
            return self._store(name, {**doc, '_attachments': stubs}, old)

    def view(self, design, name):
        """(key, id) in order, and the reduce function."""
        view = self.docs[f'_design/{design}']['views'][name]
        field = re.search(r'emit\(doc\.(\w+)', view['map'])[1]
        rows = [(d[field], n) for n, d in self.docs.items() if field in d and not n.startswith('_design/')]
        return sorted(rows, key=lambda r: (order(r[0]), r[1])), view.get('reduce')


class Couch(FakeServer):
    def __init__(self, port=0, user=None, heartbeat_s=None):
        self.databases = {}
        self.user = user        # "name:password"
        self.cookies = set()
        self.heartbeat_s = heartbeat_s
        self.connections = set()
        self.pages = {}         # paths that the test answers itself: functions of the handler
        super().__init__(Handler, port)
        self.url += '/'

    def make(self, name):
        self.databases[name] = Database()
        return self.databases[name]

    def close(self):
        self.ends.set()
        for d in self.databases.values():
            with d.changed:
                d.changed.notify_all()
        super().close()
        for c in list(self.connections):
            with contextlib.suppress(OSError):
                c.shutdown(socket.SHUT_RDWR)

    def process_request(self, request, client_address):
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def count(self, text, method='GET'):
        return sum(1 for m, p, _ in list(self.asked) if m == method and text in p)


class Handler(FakeHandler):
    def handle_one(self):
        path, _, query = self.path.partition('?')
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        length = int(self.headers.get('Content-Length', 0))
        self.body = self.rfile.read(length)
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        page = self.server.pages.get(path)
        if page:
            page(self)
            return
        parts = [urllib.parse.unquote(p) for p in path.strip('/').split('/')]
        if path == '/_session':
            self.session()
        elif not self.is_known():
            self.fail(401, 'unauthorized', 'You are not authorized to access this db.')
        elif path == '/_all_dbs':
            self.tell(200, sorted(self.server.databases))
        elif parts[0] not in self.server.databases:
            self.fail(404, 'not_found', 'Database does not exist.')
        else:
            self.database(self.server.databases[parts[0]], parts[1:])

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_one

    # ---- answers ----

    def answer(self, code, body=b'', headers=JSON):
        super().answer(code, body, **headers)

    def tell(self, code, value, **headers):
        self.answer(code, json.dumps(value, ensure_ascii=False).encode() + b'\n', {**JSON, **headers})

    def fail(self, code, error, reason):
        self.tell(code, {'error': error, 'reason': reason})

    # ---- who ----

    def session(self):
        form = dict(urllib.parse.parse_qsl(self.body.decode()))
        if f'{form.get("name")}:{form.get("password")}' != self.server.user:
            self.fail(401, 'unauthorized', 'Name or password is incorrect.')
            return
        cookie = f'AuthSession={base64.urlsafe_b64encode(str(time.monotonic_ns()).encode()).decode()}'
        self.server.cookies.add(cookie)
        self.tell(200, {'ok': True}, **{'Set-Cookie': cookie + '; Version=1; Path=/; HttpOnly'})

    def is_known(self):
        basic = 'Basic ' + base64.b64encode((self.server.user or '').encode()).decode()
        return not self.server.user or self.headers.get('Authorization') == basic or self.headers.get('Cookie') in self.server.cookies

    # ---- databases ----

    def database(self, d, parts):
        if not parts or parts == ['']:
            self.tell(200, {'db_name': 'x', 'update_seq': d.seq(), 'doc_count': len(d.docs)})
        elif parts == ['_changes']:
            self.changes(d)
        elif parts == ['_all_docs']:
            self.rows(d, sorted((n, n) for n in d.docs), None)
        elif parts[0] == '_design' and len(parts) == 4:
            self.rows(d, *d.view(parts[1], parts[3]))
        else:
            n = 2 if parts[0] in ('_design', '_local') else 1
            if len(parts) > n:
                self.attachment(d, '/'.join(parts[:n]), '/'.join(parts[n:]))
            else:
                self.document(d, '/'.join(parts))

    def rows(self, d, rows, reduce):
        def given(*names):
            return [json.loads(self.query[n]) for n in names if n in self.query]
        for key in given('key'):
            rows = [r for r in rows if r[0] == key]
        is_down = self.query.get('descending') == 'true'
        rows = rows[::-1] if is_down else rows
        for low in given('startkey', 'start_key'):
            rows = [r for r in rows if (order(r[0]) <= order(low) if is_down else order(r[0]) >= order(low))]
        for high in given('endkey', 'end_key'):
            rows = [r for r in rows if (order(r[0]) >= order(high) if is_down else order(r[0]) <= order(high))]
        if reduce and self.query.get('reduce') != 'false':
            keys = []
            for r in rows:
                if not keys or keys[-1]['key'] != r[0]:
                    keys.append({'key': r[0], 'value': 0})
                keys[-1]['value'] += 1
            out = keys
        else:
            docs = self.query.get('include_docs') == 'true'
            out = [{'id': n, 'key': k, 'value': None, **({'doc': d.docs.get(n)} if docs else {})} for k, n in rows]
        skip, limit = int(self.query.get('skip', 0)), int(self.query.get('limit', len(out)))
        self.tell(200, {'total_rows': len(rows), 'offset': skip, 'rows': out[skip:skip + limit]})

    def changes(self, d):
        since = self.query.get('since', '0')
        n = 0 if since == '0' else int(since.split('-')[0])
        if since != '0' and since != d.seq(n) and n != len(d.log):
            self.fail(400, 'bad_request', 'since')
            return
        self.send_response(200)
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        wait = self.server.heartbeat_s or int(self.query['heartbeat']) / 1000
        while not self.server.ends.is_set():
            with d.changed:
                if n >= len(d.log):
                    d.changed.wait(wait)
                lines = [json.dumps({'seq': d.seq(n + 1 + i), 'id': c[0], 'changes': [{'rev': c[1]}], **({'deleted': True} if c[2] else {})})
                         for i, c in enumerate(d.log[n:])]
                n = len(d.log)
            data = ('\n'.join(lines) + '\n').encode()
            self.wfile.write(b'%x\r\n%s\r\n' % (len(data), data))
        self.close_connection = True

    def document(self, d, name):
        if self.command in ('GET', 'HEAD'):
            doc = d.docs.get(name)
            if doc:
                self.tell(200, doc, ETag=f'"{doc["_rev"]}"')
            else:
                self.fail(404, 'not_found', 'missing')
            return
        try:
            doc = {'_deleted': True} if self.command == 'DELETE' else json.loads(self.body)
        except ValueError:
            self.fail(400, 'bad_request', 'invalid UTF-8 JSON')
            return
        rev = d.put(name, doc, self.query.get('rev'))
        if rev:
            self.tell(201, {'ok': True, 'id': name, 'rev': rev})
        else:
            self.fail(409, 'conflict', 'Document update conflict.')

    def attachment(self, d, name, file):
        if self.command == 'PUT':
            self.tell(201, {'ok': True, 'id': name, 'rev': d.attach(name, file, self.body, self.headers['Content-Type'])})
            return
        if (name, file) not in d.blobs:
            self.fail(404, 'not_found', 'Document is missing attachment')
            return
        data, kind, digest = d.blobs[name, file]
        # What CouchDB keeps compressed it has no ranges of, nor a length of what it will send.
        is_text = kind.startswith('text/')
        head = {'Content-Type': kind, 'ETag': f'"{digest}"', 'Accept-Ranges': 'none' if is_text else 'bytes'}
        m = re.match(r'bytes=(\d+)-(\d+)$', self.headers.get('Range', ''))
        if m and not is_text and self.headers.get('If-Range', head['ETag']) == head['ETag']:
            first, last = int(m[1]), min(int(m[2]), len(data) - 1)
            self.answer(206, data[first:last + 1], {**head, 'Content-Range': f'bytes {first}-{last}/{len(data)}'})
        else:
            self.answer(200, data, head)
