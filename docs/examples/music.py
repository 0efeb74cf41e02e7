#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Puts the tags of mp3 files into a CouchDB, for smbkit-sofa-plugin(1): makes the database and its views, and a document for
each file. Run again it changes what is another now.

usage: music.py [--attach] [--credentials FILE] URL FOLDER
  URL         of the database: http://127.0.0.1:5984/music
  FOLDER      whose .mp3 files are looked at, with all below it
  --attach    the files themselves become attachments; otherwise documents name them by their path, for files=FOLDER
  --credentials FILE  has the line user:password
"""
import argparse
import base64
import hashlib
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

VIEWS = {
    'Artist': {'map': "function (doc) { if (doc.Type === 'Recording' && doc.Artist) emit(doc.Artist, null); }", 'reduce': '_count'},
    'Duration': {'map': "function (doc) { if (doc.Type === 'Recording' && doc.Duration) emit(doc.Duration, null); }"},
    'Tracknum': {'map': "function (doc) { if (doc.Type === 'Recording' && doc.TrackNum) emit(doc.TrackNum, null); }"},
}
FRAMES = {'TPE1': 'Artist', 'TP1': 'Artist', 'TALB': 'Album', 'TAL': 'Album', 'TIT2': 'Title', 'TT2': 'Title',
          'TRCK': 'TrackNum', 'TRK': 'TrackNum', 'TLEN': 'Length', 'TLE': 'Length'}
ENCODINGS = ('latin-1', 'utf-16', 'utf-16-be', 'utf-8')
RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
# Kilobits a second, of layer III: of MPEG 1, and of what came later.
BITS = {True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
        False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)}


# ---- mp3 ----

def synchsafe(data):
    """Seven bits a byte (https://id3.org/id3v2.4.0-structure)."""
    n = 0
    for byte in data:
        n = n << 7 | byte & 0x7f
    return n


def id3v2(data):
    """The texts of the tag that a file begins with, and its length."""
    if data[:3] != b'ID3' or len(data) < 10:
        return {}, 0
    version, end = data[3], 10 + synchsafe(data[6:10])
    head, name_len = (6, 3) if version == 2 else (10, 4)
    tags, at = {}, 10
    while at + head <= min(end, len(data)) and data[at]:
        name = data[at:at + name_len].decode('latin-1')
        size = data[at + name_len:at + name_len + (3 if version == 2 else 4)]
        size = synchsafe(size) if version == 4 else int.from_bytes(size, 'big')
        text = data[at + head:at + head + size]
        if name in FRAMES and text and text[0] < len(ENCODINGS):
            text = text[1:].decode(ENCODINGS[text[0]], 'replace').split('\0')[0].strip()
            if text:
                tags[FRAMES[name]] = text
        at += head + size
    return tags, end


def id3v1(data):
    """The tag that a file ends with."""
    tag = data[-128:]
    if len(tag) < 128 or tag[:3] != b'TAG':
        return {}
    texts = {k: tag[a:b].decode('latin-1').split('\0')[0].strip() for k, a, b in (('Title', 3, 33), ('Artist', 33, 63), ('Album', 63, 93))}
    if tag[125] == 0 and tag[126]:
        texts['TrackNum'] = str(tag[126])
    return {k: v for k, v in texts.items() if v}


def seconds(data, start):
    """By the first frame: what Xing or Info tell, or the bits that it has."""
    for at in range(start, min(start + 65536, len(data) - 4)):
        if data[at] != 0xff or data[at + 1] & 0xe6 != 0xe2:
            continue
        version, rate, bits = data[at + 1] >> 3 & 3, data[at + 2] >> 2 & 3, data[at + 2] >> 4
        if version == 1 or rate == 3 or bits in (0, 15):
            continue
        hertz, samples = RATES[version][rate], 1152 if version == 3 else 576
        for tag in (b'Xing', b'Info'):
            found = data.find(tag, at, at + 200)
            if found >= 0 and data[found + 7] & 1:
                return int.from_bytes(data[found + 8:found + 12], 'big') * samples / hertz
        return (len(data) - at) * 8 / (BITS[version == 3][bits] * 1000)
    return None


def number(text):
    digits = text.split('/')[0].strip()
    return int(digits) if digits.isdigit() else None


def recording(path, name):
    """The document of one file."""
    with open(path, 'rb') as f:
        data = f.read()
    new, start = id3v2(data)
    tags = {**id3v1(data), **new}
    length = number(tags.get('Length', ''))
    duration = length / 1000 if length else seconds(data, start)
    doc = {'Type': 'Recording', 'Name': os.path.basename(path), 'Path': name,
           'Artist': tags.get('Artist'), 'Album': tags.get('Album'), 'Title': tags.get('Title'),
           'TrackNum': number(tags.get('TrackNum', '')), 'Duration': round(duration) if duration else None}
    return {k: v for k, v in doc.items() if v is not None}, data


# ---- CouchDB ----

class Couch:
    def __init__(self, url, credentials):
        self.url = url.rstrip('/')
        self.headers = {'Content-Type': 'application/json'}
        if credentials:
            with open(credentials, encoding='utf-8') as f:
                self.headers['Authorization'] = 'Basic ' + base64.b64encode(f.readline().strip().encode()).decode()

    def ask(self, method, path='', body=None, **headers):
        r = urllib.request.Request(self.url + path, data=body, method=method, headers={**self.headers, **headers})
        with urllib.request.urlopen(r) as answer:
            return json.loads(answer.read())

    def get(self, path):
        try:
            return self.ask('GET', path)
        except urllib.error.HTTPError as e:
            if e.code != 404:
                raise
            return None

    def put(self, path, doc):
        """The revision, new or as it was; True: it is new."""
        old = self.get(path) or {}
        kept = {k: v for k, v in old.items() if k.startswith('_')}
        if old and {**doc, **kept} == old:
            return old['_rev'], False
        return self.ask('PUT', path, json.dumps({**doc, **kept}).encode())['rev'], True


def load(couch, folder, attach):
    if couch.get('') is None:
        couch.ask('PUT')
    couch.put('/_design/music', {'language': 'javascript', 'views': VIEWS})
    count = 0
    for at, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(n for n in names if n.lower().endswith('.mp3')):
            path = os.path.join(at, name)
            doc, data = recording(path, os.path.relpath(path, folder))
            where = '/' + hashlib.sha1(doc['Path'].encode('utf-8', 'surrogateescape')).hexdigest()
            if attach:
                del doc['Path']
            rev, is_new = couch.put(where, doc)
            if attach and (is_new or not couch.get(where).get('_attachments')):
                couch.ask('PUT', f'{where}/{urllib.parse.quote(name, safe="")}?rev={rev}', data, **{'Content-Type': 'audio/mpeg'})
            count += is_new
    return count


def main():
    p = argparse.ArgumentParser(usage=__doc__.split('usage: ')[1])
    p.add_argument('--attach', action='store_true')
    p.add_argument('--credentials')
    p.add_argument('url')
    p.add_argument('folder')
    o = p.parse_args()
    print(f'{load(Couch(o.url, o.credentials), o.folder, o.attach)} recordings written')


if __name__ == '__main__':
    sys.exit(main())
