# SPDX-License-Identifier: Apache-2.0
"""An SMB2 client that sends what it is told to, also what no client should: every field of the header can be said. It
signs and seals, and checks neither unless asked. impacket lends NTLM, Cryptodome (which impacket needs) the ciphers.

    c = rawclient.connect(s, 'mem')                # logged in, signed, with a tree; dialect=, seal=, user=, password=
    f = c.opened('a', disposition=rawbodies.OPEN_IF)
    c.call(rawbodies.WRITE, rawbodies.write(f, b'abc')).name  # 'OK'
"""
import hashlib
import hmac
import os
import socket
import struct
import time

import rawbodies as b
from Cryptodome.Cipher import AES
from Cryptodome.Hash import CMAC
from harness import PASSWORD, USER, check
from impacket import ntlm

RESPONSE, ASYNC, RELATED, SIGNED = 1, 2, 4, 8
PENDING = 0x103
HMAC_SHA256, AES_CMAC, AES_GMAC = 0, 1, 2
CCM_128, GCM_128, CCM_256, GCM_256 = 1, 2, 3, 4
UNSOLICITED = 0xffffffffffffffff


class Closed(Exception):
    """The server has ended the connection."""


class Response:
    """One element of an answer; raw begins with its header, offsets in the body count from there."""

    def __init__(self, raw, sealed):
        self.raw, self.sealed = raw, sealed
        (self.charge, self.status, self.command, self.credits, self.flags, self.next,
         self.mid) = struct.unpack_from('<HIHHIIQ', raw, 6)
        self.async_id = struct.unpack_from('<Q', raw, 32)[0] if self.flags & ASYNC else None
        self.tid = struct.unpack_from('<I', raw, 36)[0]
        self.sid = struct.unpack_from('<Q', raw, 40)[0]
        self.body = raw[64:]

    @property
    def name(self):
        return b.status_name(self.status)

    @property
    def file_id(self):
        return self.body[64:80]

    def buffer(self):
        """The data of READ, QUERY_DIRECTORY, QUERY_INFO, CHANGE_NOTIFY, IOCTL."""
        if self.status not in (0, 0x80000005):
            return b''
        if self.command == b.IOCTL:
            at, size = struct.unpack_from('<II', self.body, 32)
        else:
            at, size = struct.unpack_from('<BxI' if self.command == b.READ else '<HI', self.body, 2)
        return self.raw[at:at + size]


def _derive(key, label, context, size=16):
    """[MS-SMB2] 3.1.4.2"""
    text = struct.pack('>I', 1) + label + b'\0' + context + struct.pack('>I', size * 8)
    return hmac.new(key, text, hashlib.sha256).digest()[:size]


class Connection:
    def __init__(self, port, host='127.0.0.1', timeout=20, receive_buffer=None, source=None):
        self.socket = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.received = b''
        self.waiting = []  # answers that came, and that nobody asked for yet
        self.interim = {}  # message id: async id
        self.mid = self.sid = self.tid = self.dialect = 0
        self.credits, self.ask = 1, 64
        self.guid, self.preauth = os.urandom(16), bytes(64)
        self.sign_with, self.cipher = HMAC_SHA256, CCM_128
        self.key = self.seal_key = self.unseal_key = None
        self.signing = self.seal = False
        self.nonce = int.from_bytes(os.urandom(6), 'little')
        self.nonces = set()  # of the server: MessageIds that signed, and what sealed

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.drop()

    def drop(self, reset=False):
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.socket.close()

    # ---- frames ----

    def push(self, message):
        self.socket.sendall(struct.pack('>I', len(message)) + message)

    def _frame_ready(self):
        size = 4 + int.from_bytes(self.received[:4], 'big') if len(self.received) >= 4 else None
        return size if size is not None and len(self.received) >= size else 0

    def _receive_frame(self, until):
        while not self._frame_ready():
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError()
            self.socket.settimeout(left)
            try:
                more = self.socket.recv(1 << 18)
            except ConnectionError:
                raise Closed() from None
            finally:
                self.socket.settimeout(self.timeout)
            if not more:
                raise Closed()
            self.received += more
        return self._take_frame()

    def _take_frame(self):
        size = self._frame_ready()
        frame, self.received = self.received[4:size], self.received[size:]
        return frame

    def _split(self, frame):
        sealed = frame[:4] == b'\xfdSMB'
        if sealed:
            self._use_nonce(frame[20:36])
            frame = self.unsealed(frame)
        while frame:
            r = Response(frame[:struct.unpack_from('<I', frame, 20)[0] or None], sealed)
            if r.flags & SIGNED:
                check(r.status != PENDING, 'an interim answer is signed: mid', r.mid)
                self._use_nonce(r.mid)
            frame = frame[r.next:] if r.next else b''
            self.credits += r.credits
            if r.status == PENDING and r.async_id is not None:
                self.interim[r.mid] = r.async_id
            self.waiting.append(r)

    def _use_nonce(self, nonce):
        """Whatever the scenario: none may sign or seal two messages. [MS-SMB2] 3.1.4.1"""
        check(nonce not in self.nonces, 'a nonce is used twice:', nonce)
        self.nonces.add(nonce)

    def arrived(self, seconds=0):
        """What has come until now or comes within so many seconds, interim answers too."""
        until = time.monotonic() + seconds
        while True:
            while self._frame_ready():
                self._split(self._take_frame())
            if self.waiting:
                out, self.waiting = self.waiting, []
                return out
            try:
                self._split(self._receive_frame(max(until, time.monotonic() + 0.0005)))
            except (TimeoutError, BlockingIOError):
                return []

    def receive(self, mid=None, seconds=None):
        """The final answer to a message; None when it does not come in time."""
        until = time.monotonic() + (self.timeout if seconds is None else seconds)
        while True:
            for i, r in enumerate(self.waiting):
                if r.status != PENDING and mid in (None, r.mid):
                    return self.waiting.pop(i)
            try:
                self._split(self._receive_frame(until))
            except TimeoutError:
                return None

    def await_interim(self, mid, seconds=20):
        """Until the message is known to wait; its async id. Its final answer must not come before."""
        until = time.monotonic() + seconds
        while mid not in self.interim:
            check(time.monotonic() < until, f'no interim answer within {seconds} s')
            r = self.receive(mid, 0.05)
            check(r is None, f'it did not wait: {r and r.name}')
        return self.interim[mid]

    # ---- signing and sealing ----

    def _mac(self, message):
        if self.sign_with == HMAC_SHA256:
            return hmac.new(self.key, message, hashlib.sha256).digest()[:16]
        if self.sign_with == AES_CMAC:
            return CMAC.new(self.key, message, ciphermod=AES).digest()
        flags, = struct.unpack_from('<I', message, 16)
        command, = struct.unpack_from('<H', message, 12)
        # [MS-SMB2] 3.1.4.1: the message id, who sends, and whether it is a CANCEL
        nonce = message[24:32] + struct.pack('<I', (flags & RESPONSE) | (2 if command == b.CANCEL else 0))
        mac = AES.new(self.key, AES.MODE_GCM, nonce=nonce)
        mac.update(message)
        return mac.digest()

    def signed(self, message):
        flags = struct.unpack_from('<I', message, 16)[0] | SIGNED
        message = message[:16] + struct.pack('<I', flags) + message[20:48] + bytes(16) + message[64:]
        return message[:48] + self._mac(message) + message[64:]

    def is_signed_right(self, response):
        raw = response.raw
        return raw[48:64] == self._mac(raw[:48] + bytes(16) + raw[64:])

    def _sealer(self, key, nonce):
        if self.cipher in (CCM_128, CCM_256):
            return AES.new(key, AES.MODE_CCM, nonce=nonce[:11], mac_len=16)
        return AES.new(key, AES.MODE_GCM, nonce=nonce[:12])

    def sealed(self, message, size=None, flags=1, sid=None):
        self.nonce += 1
        nonce = struct.pack('<Q8x', self.nonce)
        head = nonce + struct.pack('<IHHQ', len(message) if size is None else size, 0, flags, self.sid if sid is None else sid)
        cipher = self._sealer(self.seal_key, nonce)
        cipher.update(head)
        text, tag = cipher.encrypt_and_digest(message)
        return b'\xfdSMB' + tag + head + text

    def unsealed(self, frame):
        cipher = self._sealer(self.unseal_key, frame[20:36])
        cipher.update(frame[20:52])
        return cipher.decrypt_and_verify(frame[52:], frame[4:20])

    # ---- messages ----

    def header(self, command, mid, flags=0, after=0, charge=1, ask=None, tid=None, sid=None, async_id=None):
        place = struct.pack('<II', 0xfeff, self.tid if tid is None else tid) if async_id is None else struct.pack('<Q', async_id)
        return struct.pack('<4sHHIHHIIQ', b'\xfeSMB', 64, charge, 0, command, self.ask if ask is None else ask, flags, after,
                           mid) + place + struct.pack('<Q', self.sid if sid is None else sid) + bytes(16)

    def _protected(self, message, sign, seal):
        if self.seal if seal is None else seal:
            return self.sealed(message)
        return self.signed(message) if (self.signing if sign is None else sign) else message

    def _next_mid(self, charge):
        mid = self.mid
        used = max(1, charge) if self.dialect != 0x202 else 1
        self.mid += used
        self.credits -= used
        return mid

    def message(self, command, body, sign=None, seal=None, **fields):
        """(its id, its bytes), not sent yet; fields: of the header."""
        mid = fields.pop('mid', None)
        if mid is None:
            mid = self._next_mid(fields.get('charge', 1))
        return mid, self._protected(self.header(command, mid, **fields) + body, sign, seal)

    def send(self, command, body, **how):
        """how: as of message(). The message id."""
        mid, message = self.message(command, body, **how)
        self.push(message)
        return mid

    def call(self, command, body, seconds=None, **fields):
        r = self.receive(self.send(command, body, **fields), seconds)
        check(r is not None, f'no answer to command {command} within {self.timeout} s')
        return r

    def chain(self, *parts, related=True, seal=None):
        """parts: (command, body) or (command, body, fields of the header), sent as one compound; the message ids."""
        out, mids = b'', []
        seal = self.seal if seal is None else seal
        for i, (command, body, *fields) in enumerate(parts):
            fields = {'flags': RELATED if related and i else 0, **(fields[0] if fields else {})}
            mids.append(self._next_mid(fields.get('charge', 1)))
            pad = bytes(-len(body) % 8 if i + 1 < len(parts) else 0)
            fields.setdefault('after', 64 + len(body + pad) if i + 1 < len(parts) else 0)
            message = self.header(command, mids[-1], **fields) + body + pad
            out += self.signed(message) if self.signing and not seal else message
        self.push(self.sealed(out) if seal else out)
        return mids

    def cancel(self, mid=0, async_id=None):
        flags = 0 if async_id is None else ASYNC
        self.send(b.CANCEL, b.EMPTY, mid=mid, charge=0, flags=flags, async_id=async_id)

    def echo(self, **fields):
        return self.call(b.ECHO, b.EMPTY, **fields)

    def grow(self, wanted):
        """Ask for credits until there are so many or no more come."""
        before = -1
        while before < self.credits < wanted:
            before = self.credits
            self.echo(ask=wanted)

    # ---- the beginning ----

    def negotiate(self, dialects=(0x311,), sign_with=(AES_GMAC, AES_CMAC, HMAC_SHA256), ciphers=(GCM_128, CCM_128), **fields):
        contexts = []
        if 0x311 in dialects:
            contexts.append((1, struct.pack('<HHH', 1, 32, 1) + os.urandom(32)))
            contexts += [(kind, struct.pack(f'<{len(x) + 1}H', len(x), *x)) for kind, x in ((2, ciphers), (8, sign_with)) if x]
        message = self.header(b.NEGOTIATE, self._next_mid(1), charge=0, **fields) + b.negotiate(dialects, self.guid, contexts)
        self.push(message)
        frame = self._receive_frame(time.monotonic() + self.timeout)
        r = Response(frame, False)
        self.credits += r.credits
        if r.status == 0:
            self.dialect = struct.unpack_from('<H', r.body, 4)[0]
            self.sign_with = HMAC_SHA256 if self.dialect < 0x300 else AES_CMAC
            self._mix(message, frame)
            self._read_contexts(r)
        return r

    def _read_contexts(self, r):
        if self.dialect != 0x311:
            return
        at, left = struct.unpack_from('<I', r.body, 60)[0], struct.unpack_from('<H', r.body, 6)[0]
        for _ in range(left):
            at += -at % 8
            kind, size = struct.unpack_from('<HH', r.raw, at)
            if kind == 2:
                self.cipher = struct.unpack_from('<H', r.raw, at + 10)[0]
            elif kind == 8:
                self.sign_with = struct.unpack_from('<H', r.raw, at + 10)[0]
            at += 8 + size

    def _mix(self, *messages):
        """The hash over what came before log-in. [MS-SMB2] 3.1.4.4.1"""
        for m in messages:
            self.preauth = hashlib.sha512(self.preauth + m).digest()

    def setup(self, token, sign=False, **fields):
        """One SESSION_SETUP; fields: of its body. The hash goes on over it."""
        mid = self._next_mid(1)
        message = self._protected(self.header(b.SESSION_SETUP, mid) + b.session_setup(token, **fields), sign, False)
        self.push(message)
        r = self.receive(mid)
        check(r is not None, 'no answer to SESSION_SETUP')
        self._mix(message)
        if r.status == 0xc0000016:
            self._mix(r.raw)
        return r

    def login(self, user=USER, password=PASSWORD, domain='', **fields):
        """NTLM without SPNEGO. user '' is the anonymous one. With a session: logs in again, and keeps its keys."""
        again, before = self.sid != 0, self.preauth
        first = ntlm.getNTLMSSPType1('', '', True, use_ntlmv2=True)
        r = self.setup(first.getData(), sign=again and self.signing, **fields)
        if r.name != 'MORE_PROCESSING_REQUIRED':
            return r
        self.sid = r.sid
        answer, key = ntlm.getNTLMSSPType3(first, self._token(r), user, password, domain, use_ntlmv2=True)
        r = self.setup(answer.getData(), sign=again and self.signing, **fields)
        if r.status == 0 and not again:
            self._keys(key, r)
        self.preauth = before if again else self.preauth
        return r

    def bind(self, first, user=USER, password=PASSWORD, domain=''):
        """Makes this connection, of which NEGOTIATE is all that was said, a channel of the session; first: its first
        channel, which may be gone. The last answer. [MS-SMB2] 3.2.4.2.3.3"""
        own = self.sign_with
        self.key, self.sign_with, self.sid, self.tid = first.key, first.sign_with, first.sid, first.tid
        before, token = self.preauth, ntlm.getNTLMSSPType1('', '', True, use_ntlmv2=True)
        r = self.setup(token.getData(), sign=True, flags=1)
        if r.name == 'MORE_PROCESSING_REQUIRED':
            check(not r.flags & SIGNED or self.is_signed_right(r), 'the answer to a binding is signed wrongly')
            answer, key = ntlm.getNTLMSSPType3(token, self._token(r), user, password, domain, use_ntlmv2=True)
            r = self.setup(answer.getData(), sign=True, flags=1)
        if r.status == 0:
            self.sign_with = own
            self._keys(key, r)
            self.seal_key, self.unseal_key = first.seal_key, first.unseal_key
            check(self.is_signed_right(r), 'the last answer to a binding is signed wrongly')
            self.seal = first.seal
        else:
            self.sid = self.tid = 0
            self.preauth = before
        return r

    @staticmethod
    def _token(r):
        at, size = struct.unpack_from('<HH', r.body, 4)
        return r.raw[at:at + size]

    def _keys(self, key, r):
        flags = struct.unpack_from('<H', r.body, 2)[0]
        self.signing = not flags & 3  # neither guest nor nobody
        self.seal = bool(flags & 4)
        if self.dialect < 0x300:
            self.key = key
        elif self.dialect < 0x311:
            self.key = _derive(key, b'SMB2AESCMAC\0', b'SmbSign\0')
            self.seal_key = _derive(key, b'SMB2AESCCM\0', b'ServerIn \0')
            self.unseal_key = _derive(key, b'SMB2AESCCM\0', b'ServerOut\0')
        else:
            size = 32 if self.cipher in (CCM_256, GCM_256) else 16
            self.key = _derive(key, b'SMBSigningKey\0', self.preauth)
            self.seal_key = _derive(key, b'SMBC2SCipherKey\0', self.preauth, size)
            self.unseal_key = _derive(key, b'SMBS2CCipherKey\0', self.preauth, size)

    def tree(self, share):
        r = self.call(b.TREE_CONNECT, b.tree_connect(share if share.startswith('\\') else f'\\\\127.0.0.1\\{share}'), tid=0)
        if r.status == 0:
            self.tid = r.tid
        return r

    def logoff(self):
        r = self.call(b.LOGOFF, b.EMPTY)
        self.drop()
        return r


class Files(Connection):
    """What the cases do with files, in a line each. Each answers with the name of a status unless it says otherwise."""

    def create(self, path, **how):
        """The answer."""
        return self.call(b.CREATE, b.create(path, **how))

    def opened(self, path, **how):
        """The file's id; anything but OK is a failure."""
        r = self.create(path, **how)
        check(r.status == 0, f'{path!r}: {r.name}')
        return r.file_id

    def try_open(self, path, **how):
        """Opens and closes."""
        r = self.create(path, **how)
        if r.status == 0:
            self.close(r.file_id)
        return r.name

    def close(self, file_id):
        return self.call(b.CLOSE, b.close(file_id)).name

    def make_folder(self, path, **how):
        self.close(self.opened(path, disposition=b.CREATE_NEW, options=b.FOLDER, access=b.LIST, **how))

    def put(self, path, data=b'', **how):
        f = self.opened(path, disposition=b.OVERWRITE_IF, **how)
        if data:
            check(self.write(f, data) == 'OK', 'write')
        self.close(f)

    def content(self, path):
        """The first 64 KiB, or why not."""
        r = self.create(path, access=0x120089)
        if r.status:
            return r.name
        data = self.read(r.file_id, 65536)
        self.close(r.file_id)
        return data

    def read(self, file_id, size, offset=0, least=0):
        """The bytes, or the name of a status."""
        r = self.call(b.READ, b.read(file_id, size, offset, least), charge=b.charge_of(size))
        return r.buffer() if r.status == 0 else r.name

    def write(self, file_id, data, offset=0):
        return self.call(b.WRITE, b.write(file_id, data, offset), charge=b.charge_of(len(data))).name

    def flush(self, file_id):
        return self.call(b.FLUSH, b.flush(file_id)).name

    def query(self, file_id, info_class, kind=b.KIND_FILE, room=65536, **how):
        """The answer."""
        return self.call(b.QUERY_INFO, b.query_info(file_id, info_class, kind, room, **how), charge=b.charge_of(room))

    def set(self, file_id, info_class, data, **how):
        return self.call(b.SET_INFO, b.set_info(file_id, info_class, data, **how)).name

    def rename(self, file_id, path, replace=False):
        return self.set(file_id, 10, b.new_name(path, replace))

    def move(self, path, to, replace=False, options=0):
        f = self.opened(path, access=b.RENAME, options=options)
        status = self.rename(f, to, replace)
        self.close(f)
        return status

    def link(self, path, to, replace=False):
        f = self.opened(path, access=b.ATTRIBUTES | 0x100000)
        status = self.set(f, 11, b.new_name(to, replace))
        self.close(f)
        return status

    def mark_deleted(self, file_id, on=1):
        return self.set(file_id, 13, struct.pack('<B', on))

    def set_size(self, file_id, size):
        return self.set(file_id, 20, struct.pack('<Q', size))

    def set_allocation(self, file_id, size):
        return self.set(file_id, 19, struct.pack('<Q', size))

    def sizes(self, file_id):
        """(allocation, size, links)"""
        return struct.unpack_from('<QQI', self.query(file_id, 5).buffer())

    def attributes(self, path, **how):
        f = self.opened(path, access=0x80, **how)
        value = struct.unpack_from('<I', self.query(f, 4).buffer(), 32)[0]
        self.close(f)
        return value

    def set_attributes(self, path, attributes, **how):
        f = self.opened(path, access=b.ATTRIBUTES, **how)
        status = self.set(f, 4, b.basic(attributes=attributes))
        self.close(f)
        return status

    def lock(self, file_id, offset, length, flags):
        return self.call(b.LOCK, b.lock(file_id, (offset, length, flags))).name

    def start_lock(self, file_id, offset, length, flags):
        """The message id."""
        return self.send(b.LOCK, b.lock(file_id, (offset, length, flags)))

    def query_folder(self, file_id, info_class=37, pattern='*', room=65536, flags=0):
        """The answer."""
        return self.call(b.QUERY_DIRECTORY, b.query_directory(file_id, info_class, pattern, flags, room), charge=b.charge_of(room))

    def listing(self, path='', pattern='*', info_class=37, room=65536):
        """Entries, "." and ".." too."""
        f = self.opened(path, access=b.LIST, options=b.FOLDER)
        out = []
        r = self.query_folder(f, info_class, pattern, room)
        while r.status == 0:
            out += b.entries(r.buffer(), info_class)
            r = self.query_folder(f, info_class, pattern, room)
        self.close(f)
        check(r.name in ('NO_MORE_FILES', 'NO_SUCH_FILE'), r.name)
        return out

    def names(self, path='', pattern='*'):
        return sorted(e.name for e in self.listing(path, pattern) if e.name not in ('.', '..'))

    def remove(self, path, options=0):
        """A file or an empty folder, read-only or not."""
        r = self.create(path, access=b.ATTRIBUTES | 0x10000, options=b.NO_FOLLOW | options)
        if r.status:
            return r.name
        self.set(r.file_id, 4, b.basic(attributes=0x80))
        status = self.mark_deleted(r.file_id)
        self.close(r.file_id)
        return status

    def remove_tree(self, path):
        for e in self.listing(path):
            if e.name not in ('.', '..'):
                below = path + '\\' + e.name
                self.remove_tree(below) if e.attributes & 0x10 else self.remove(below)
        return self.remove(path, b.FOLDER)


def connect(server, share, dialect=0x311, user=USER, password=PASSWORD, seal=False, timeout=20, source=None, **how):
    """A connection that is logged in and has a tree. source: the client's address. how: of negotiate()"""
    c = Files(server.port, timeout=timeout, source=source)
    r = c.negotiate((dialect,), **how)
    check(r.status == 0, 'NEGOTIATE', r.name)
    r = c.login(user, password)
    check(r.status == 0, 'SESSION_SETUP', r.name)
    c.seal = c.seal or seal
    r = c.tree(share)
    check(r.status == 0, 'TREE_CONNECT', r.name)
    return c


def join(server, first, **how):
    """Another channel of first's session, on a connection of its own. how: of negotiate()"""
    c = Files(server.port, timeout=first.timeout)
    c.guid = first.guid
    r = c.negotiate((first.dialect,), **how)
    check(r.status == 0, 'NEGOTIATE', r.name)
    r = c.bind(first)
    check(r.status == 0, 'binding', r.name)
    return c
