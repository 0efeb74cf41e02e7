# SPDX-License-Identifier: Apache-2.0
"""An object store written from Amazon's documentation of S3 (API reference: ListBuckets, ListObjectsV2, HeadObject, GetObject,
PutObject, CopyObject, DeleteObject, CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload; "Signature
Version 4"), for what s3rver lacks: conditions, pages, faults. All of it is in memory.

As a program: fakes3.py [--anonymous] serves until its input ends, and says its port first."""
import hashlib
import hmac
import re
import sys
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

from fakeweb import FakeHandler, FakeServer

KEY, SECRET = 'FAKEKEY', 'fake/secret+1'
SPACE = 'http://s3.example.org/doc/2006-03-01/'
PART_MIN = 5 << 20


class Thing:
    """An object."""

    def __init__(self, data, headers, etag=None):
        self.data = data
        self.etag = etag or '"' + hashlib.md5(data).hexdigest() + '"'
        self.time = int(time.time())
        self.kept = {k.lower(): v for k, v in headers.items() if k.lower().startswith('x-amz-meta-') or k.lower() == 'content-type'}


class Refused(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


class Store(FakeServer):
    def __init__(self, port=0, page=1000, anonymous=False):
        self.lock = threading.RLock()
        self.buckets = {'bkt': {}}
        self.uploads = {}
        self.page = page  # at most so many in an answer
        self.anonymous = anonymous
        self.signed_badly = []
        self.faults = []  # functions of a handler; True: it has answered. Asked in turn
        self.number = 0
        super().__init__(Handler, port)

    def count(self, method, part=''):
        return sum(1 for m, p, _ in list(self.asked) if m == method and part in p)

    def put(self, key, data, bucket='bkt'):
        with self.lock:
            self.buckets[bucket][key] = Thing(data, {})

    def keys(self, bucket='bkt'):
        with self.lock:
            return sorted(self.buckets[bucket])

    def data(self, key, bucket='bkt'):
        with self.lock:
            thing = self.buckets[bucket].get(key)
            return thing and thing.data


def quote(text, safe='-_.~'):
    return urllib.parse.quote(text, safe=safe)


class Handler(FakeHandler):
    disable_nagle_algorithm = True

    # ---- answers ----

    def xml(self, root, inside):
        self.answer(200, f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{SPACE}">{inside}</{root}>'.encode(),
                    Content_Type='application/xml')

    def refuse(self, status, code):
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>x</Message></Error>'.encode()
        self.answer(status, body, Content_Type='application/xml')

    # ---- the signature ----

    def key_of_day(self, day, region, service):
        key = ('AWS4' + SECRET).encode()
        for word in (day, region, service, 'aws4_request'):
            key = hmac.new(key, word.encode(), hashlib.sha256).digest()
        return key

    def check_signature(self):
        m = re.match(r'AWS4-HMAC-SHA256 Credential=([^/]+)/(\d+)/([^/]+)/(\w+)/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)',
                     self.headers.get('Authorization', ''))
        if not m:
            if self.server.anonymous and 'Authorization' not in self.headers:
                return
            raise Refused(403, 'AccessDenied')
        who, day, region, service, names, given = m.groups()
        query = '&'.join(f'{quote(k)}={quote(v)}' for k, v in sorted(urllib.parse.parse_qsl(self.query, keep_blank_values=True)))
        headers = ''.join(f'{n}:{" ".join(self.headers.get(n, "").split())}\n' for n in names.split(';'))
        path = quote(urllib.parse.unquote(self.path.split('?')[0]), safe='-_.~/')
        text = '\n'.join((self.command, path, query, headers, names, self.headers.get('x-amz-content-sha256', '')))
        scope = f'{day}/{region}/{service}/aws4_request'
        to_sign = '\n'.join(('AWS4-HMAC-SHA256', self.headers.get('x-amz-date', ''), scope, hashlib.sha256(text.encode()).hexdigest()))
        wanted = hmac.new(self.key_of_day(day, region, service), to_sign.encode(), hashlib.sha256).hexdigest()
        if who != KEY or wanted != given or not {'host', 'x-amz-date', 'x-amz-content-sha256'} <= set(names.split(';')):
            self.server.signed_badly.append((self.command, self.path))
            raise Refused(403, 'SignatureDoesNotMatch')
        digest = self.headers['x-amz-content-sha256']
        if digest != 'UNSIGNED-PAYLOAD' and digest != hashlib.sha256(self.body).hexdigest():
            raise Refused(400, 'XAmzContentSHA256Mismatch')

    # ---- requests ----

    def read_body(self):
        left = int(self.headers.get('Content-Length', 0))
        pieces = []
        while left:
            piece = self.rfile.read(min(left, 1 << 16))
            if not piece:
                raise ConnectionError
            pieces.append(piece)
            left -= len(piece)
        return b''.join(pieces)

    def handle_any(self):
        path, _, self.query = self.path.partition('?')
        self.words = dict(urllib.parse.parse_qsl(self.query, keep_blank_values=True))
        self.bucket_name, _, self.key = urllib.parse.unquote(path)[1:].partition('/')
        self.body = b''
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        for fault in list(self.server.faults):
            if fault(self):
                return
        try:
            self.body = self.read_body()
            self.check_signature()
            self.act()
        except Refused as e:
            self.refuse(e.status, e.code)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def act(self):
        with self.server.lock:
            if not self.bucket_name:
                self.list_buckets()
                return
            bucket = self.server.buckets.get(self.bucket_name)
            if bucket is None:
                raise Refused(404, 'NoSuchBucket')
            if not self.key:
                self.list_objects(bucket)
                return
            if len(self.key.encode()) > 1024:
                raise Refused(400, 'KeyTooLongError')
            getattr(self, 'on_' + self.command.lower())(bucket)

    def list_buckets(self):
        inside = ''.join(f'<Bucket><Name>{n}</Name><CreationDate>2026-01-02T03:04:05.000Z</CreationDate></Bucket>' for n in sorted(self.server.buckets))
        self.xml('ListAllMyBucketsResult', f'<Owner><ID>1</ID></Owner><Buckets>{inside}</Buckets>')

    def list_objects(self, bucket):
        w = self.words
        prefix, delimiter, after = w.get('prefix', ''), w.get('delimiter', ''), w.get('continuation-token', '')
        most = min(int(w.get('max-keys', 1000)), self.server.page)
        encode = (lambda t: quote(t, safe='-_.~/*')) if w.get('encoding-type') == 'url' else escape
        inside, last, count = '', '', 0
        truncated = False
        for key in sorted(bucket, key=str.encode):
            if not key.startswith(prefix) or (after and key.encode() <= after[2:].encode()) or (last and key.startswith(last)):
                continue
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            if after and end >= 0 and after[2:].startswith(key[:end + 1]) and key[:end + 1].endswith(delimiter) and after.startswith('p:'):
                continue
            if count == most:
                truncated = True
                break
            count += 1
            if end >= 0:
                last = key[:end + 1]
                token = 'p:' + last
                inside += f'<CommonPrefixes><Prefix>{encode(last)}</Prefix></CommonPrefixes>'
            else:
                token = 'k:' + key
                o = bucket[key]
                when = time.strftime('%Y-%m-%dT%H:%M:%S.000Z', time.gmtime(o.time))
                inside += (f'<Contents><Key>{encode(key)}</Key><LastModified>{when}</LastModified><ETag>{escape(o.etag, {chr(34): "&quot;"})}</ETag>'
                           f'<Size>{len(o.data)}</Size><StorageClass>STANDARD</StorageClass></Contents>')
        more = f'<NextContinuationToken>{escape(token)}</NextContinuationToken>' if truncated else ''
        kind = '<EncodingType>url</EncodingType>' if w.get('encoding-type') == 'url' else ''
        self.xml('ListBucketResult', f'<Name>{self.bucket_name}</Name><Prefix>{encode(prefix)}</Prefix><KeyCount>{count}</KeyCount>{kind}'
                                     f'<IsTruncated>{str(truncated).lower()}</IsTruncated>{inside}{more}')

    def found(self, bucket):
        if self.key not in bucket:
            raise Refused(404, 'NoSuchKey')
        return bucket[self.key]

    def head_of(self, thing):
        return {'ETag': thing.etag, 'Last_Modified': self.date_time_string(thing.time), 'Accept_Ranges': 'bytes',
                **{k.replace('-', '_'): v for k, v in thing.kept.items()}}

    def on_head(self, bucket):
        thing = self.found(bucket)
        self.answer(200, Content_Length=len(thing.data), **self.head_of(thing))

    def on_get(self, bucket):
        thing = self.found(bucket)
        if self.headers.get('If-Match', thing.etag) != thing.etag:
            raise Refused(412, 'PreconditionFailed')
        m = re.match(r'bytes=(\d+)-(\d+)$', self.headers.get('Range', ''))
        if not m or self.headers.get('If-Range', thing.etag) != thing.etag:
            self.answer(200, thing.data, **self.head_of(thing))
            return
        first, last = int(m[1]), min(int(m[2]), len(thing.data) - 1)
        if first > last:
            raise Refused(416, 'InvalidRange')
        self.answer(206, thing.data[first:last + 1], Content_Range=f'bytes {first}-{last}/{len(thing.data)}', **self.head_of(thing))

    def check_conditions(self, bucket):
        there = bucket.get(self.key)
        match, none = self.headers.get('If-Match'), self.headers.get('If-None-Match')
        if match and not there:
            raise Refused(404, 'NoSuchKey')
        if (match and there.etag != match) or (none == '*' and there):
            raise Refused(412, 'PreconditionFailed')

    def on_put(self, bucket):
        source = self.headers.get('x-amz-copy-source')
        if 'uploadId' in self.words:
            self.put_part()
        elif source:
            self.copy(bucket, urllib.parse.unquote(source).lstrip('/'))
        else:
            self.check_conditions(bucket)
            bucket[self.key] = Thing(self.body, self.headers)
            self.answer(200, ETag=bucket[self.key].etag)

    def copy(self, bucket, source):
        name, _, key = source.partition('/')
        thing = self.server.buckets.get(name, {}).get(key)
        if not thing:
            raise Refused(404, 'NoSuchKey')
        if self.headers.get('x-amz-copy-source-if-match', thing.etag) != thing.etag:
            raise Refused(412, 'PreconditionFailed')
        bucket[self.key] = Thing(thing.data, thing.kept)
        self.xml('CopyObjectResult', f'<ETag>{escape(bucket[self.key].etag)}</ETag><LastModified>2026-01-02T03:04:05.000Z</LastModified>')

    def on_delete(self, bucket):
        if 'uploadId' in self.words:
            self.server.uploads.pop(self.words['uploadId'], None)
        else:
            bucket.pop(self.key, None)
        self.answer(204)

    # ---- uploads in parts ----

    def upload(self):
        upload = self.server.uploads.get(self.words.get('uploadId'))
        if not upload:
            raise Refused(404, 'NoSuchUpload')
        return upload

    def put_part(self):
        parts = self.upload()['parts']
        parts[int(self.words['partNumber'])] = self.body
        self.answer(200, ETag='"' + hashlib.md5(self.body).hexdigest() + '"')

    def on_post(self, bucket):
        if 'uploads' in self.words:
            self.server.number += 1
            name = f'up/load+{self.server.number}='
            self.server.uploads[name] = {'parts': {}, 'headers': dict(self.headers)}
            self.xml('InitiateMultipartUploadResult', f'<Bucket>{self.bucket_name}</Bucket><Key>{escape(self.key)}</Key><UploadId>{name}</UploadId>')
            return
        upload = self.upload()
        given = re.findall(r'<PartNumber>(\d+)</PartNumber><ETag>([^<]+)</ETag>', self.body.decode())
        parts = [upload['parts'][int(n)] for n, _ in given]
        tags = ['"' + hashlib.md5(p).hexdigest() + '"' for p in parts]
        if [t for _, t in given] != tags or [int(n) for n, _ in given] != sorted({int(n) for n, _ in given}):
            raise Refused(400, 'InvalidPart')
        if any(len(p) < PART_MIN for p in parts[:-1]):
            raise Refused(400, 'EntityTooSmall')
        self.check_conditions(bucket)
        etag = '"' + hashlib.md5(b''.join(hashlib.md5(p).digest() for p in parts)).hexdigest() + f'-{len(parts)}"'
        bucket[self.key] = Thing(b''.join(parts), upload['headers'], etag)
        del self.server.uploads[self.words['uploadId']]
        self.xml('CompleteMultipartUploadResult', f'<Key>{escape(self.key)}</Key><ETag>{escape(etag, {chr(34): "&quot;"})}</ETag>')


if __name__ == '__main__':
    with Store(anonymous='--anonymous' in sys.argv[1:]) as store:
        print(store.port, flush=True)
        sys.stdin.read()
