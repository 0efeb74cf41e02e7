# SPDX-License-Identifier: Apache-2.0
"""A client that speaks SMB 2/3 by itself, message by message, so that a scenario can say what no well-behaved
client says: requests out of turn, unsigned, in any compound, thousands at once. [MS-SMB2] 2.2, 3.1.4, [MS-NLMP]

Whatever scenario uses it, it looks at the nonces of all that comes back: none may sign or seal twice."""
import hashlib
import hmac
import os
import socket
import struct
import time

from harness import PASSWORD, USER, Skip, check

try:
    from Cryptodome.Cipher import AES, ARC4  # python3-pycryptodome, which impacket needs too
    from Cryptodome.Hash import CMAC, MD4
except ImportError:
    AES = None

(NEGOTIATE, SESSION_SETUP, LOGOFF, TREE_CONNECT, TREE_DISCONNECT, CREATE, CLOSE, FLUSH, READ, WRITE, LOCK, IOCTL,
 CANCEL, ECHO, QUERY_DIRECTORY, CHANGE_NOTIFY, QUERY_INFO, SET_INFO, OPLOCK_BREAK) = range(19)
FLAG_RESPONSE, FLAG_ASYNC, FLAG_RELATED, FLAG_SIGNED = 1, 2, 4, 8
HMAC_SHA256, AES_CMAC, AES_GMAC = range(3)
CCM_128, GCM_128, CCM_256, GCM_256 = range(1, 5)
ANY_FILE = b'\xff' * 16
SUCCESS, PENDING = 0, 0x103
MORE_PROCESSING, ACCESS_DENIED, LOGON_FAILURE = 0xc0000016, 0xc0000022, 0xc000006d
CANCELLED, INVALID_PARAMETER, NOT_ACCEPTED = 0xc0000120, 0xc000000d, 0xc00000d0
SESSION_DELETED, NO_RESOURCES = 0xc0000203, 0xc000009a
LOCK_SHARED, LOCK_EXCLUSIVE, LOCK_UNLOCK, LOCK_NOW = 1, 2, 4, 16
GUEST, NOBODY, SEALED = 1, 2, 4  # SessionFlags
NTLM_FLAGS = 0xe0088215  # Unicode, target, sign, NTLM, always sign, extended session security, 128, key exchange, 56


class Reply:
    """One SMB2 message of the server: the header's fields, and the bytes from the header on."""

    def __init__(self, data, sealed):
        self.data, self.sealed = data, sealed
        (_, self.status, self.command, self.credits, self.flags, self.next, self.mid, self.async_id, self.session_id,
         self.signature) = struct.unpack_from('<HIHHIIQQQ16s', data, 6)
        self.tree_id = self.async_id >> 32
        self.body = data[64:]

    def __repr__(self):
        return (f'<reply command={self.command} status={self.status:#x} mid={self.mid} flags={self.flags:#x} '
                f'{len(self.data)} bytes>')


def utf16(text):
    return text.encode('utf-16-le', 'surrogatepass')


def derive(key, label, context, length=16):
    """SP800-108 as [MS-SMB2] 3.1.4.2 uses it."""
    data = struct.pack('>I', 1) + label + b'\0' + context + struct.pack('>I', 8 * length)
    return hmac.new(key, data, hashlib.sha256).digest()[:length]


def gmac(key, nonce, data):
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce)
    cipher.update(data)
    return cipher.digest()


class RawClient:
    def __init__(self, port, host='127.0.0.1', source=None, timeout=20):
        if AES is None:
            raise Skip('python3-pycryptodome is not installed')
        self.socket = socket.create_connection((host, port), timeout, source and (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = bytearray()
        self.waiting = []  # replies of a compound that were not taken yet
        self.mid = self.session_id = self.tree_id = self.dialect = self.session_flags = 0
        self.credits = 1
        self.signing, self.cipher = HMAC_SHA256, 0
        self.signing_key = self.seal_key = self.unseal_key = None
        self.signs = self.seals = False
        self.seal_count = 0
        self.guid = os.urandom(16)
        self.nonces = set()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- frames ----

    def send_frame(self, data):
        self.socket.sendall(struct.pack('>I', len(data)) + data)

    def _receive_bytes(self, count):
        while len(self.received) < count:
            more = self.socket.recv(1 << 18)
            if not more:
                raise ConnectionError('the server closed the connection')
            self.received += more
        data = bytes(self.received[:count])
        del self.received[:count]
        return data

    def receive_frame(self):
        return self._receive_bytes(struct.unpack('>I', self._receive_bytes(4))[0])

    def is_closed(self, seconds=5):
        """Does the server end the connection, whatever it says before?"""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(65536):
                pass
        except socket.timeout:
            return False
        except OSError:
            pass
        return True

    # ---- protection ----

    def _cipher(self, key, nonce):
        length = 11 if self.cipher in (CCM_128, CCM_256) else 12
        mode = AES.MODE_CCM if self.cipher in (CCM_128, CCM_256) else AES.MODE_GCM
        return AES.new(key, mode, nonce=nonce[:length], mac_len=16)

    def sealed(self, data):
        """[MS-SMB2] 2.2.41, 3.1.4.3"""
        self.seal_count += 1
        nonce = struct.pack('<QQ', self.seal_count, 0)
        header = nonce + struct.pack('<IHHQ', len(data), 0, 1, self.session_id)
        cipher = self._cipher(self.seal_key, nonce)
        cipher.update(header)
        secret, tag = cipher.encrypt_and_digest(data)
        return b'\xfdSMB' + tag + header + secret

    def _unsealed(self, frame):
        check(frame[20:36] not in self.nonces, 'a nonce sealed twice', frame[20:36])
        self.nonces.add(frame[20:36])
        cipher = self._cipher(self.unseal_key, frame[20:36])
        cipher.update(frame[20:52])
        return cipher.decrypt_and_verify(frame[52:], frame[4:20])

    def mac(self, data):
        """[MS-SMB2] 3.1.4.1"""
        data = data[:48] + bytes(16) + data[64:]
        if self.signing == HMAC_SHA256:
            return hmac.new(self.signing_key, data, hashlib.sha256).digest()[:16]
        if self.signing == AES_CMAC:
            return CMAC.new(self.signing_key, data, ciphermod=AES).digest()
        command, flags = struct.unpack_from('<HHI', data, 12)[::2]
        return gmac(self.signing_key, data[24:32] + struct.pack('<I', flags & 1 | (command == CANCEL) << 1), data)

    def signed(self, data):
        flags = struct.unpack_from('<I', data, 16)[0] | FLAG_SIGNED
        data = data[:16] + struct.pack('<I', flags) + data[20:]
        return data[:48] + self.mac(data) + data[64:]

    def _look_at_signature(self, reply):
        if not reply.flags & FLAG_SIGNED:
            return
        check(reply.status != PENDING, 'an interim reply is signed', reply)
        check(reply.mid not in self.nonces, 'a MessageId signed twice', reply)
        self.nonces.add(reply.mid)
        if self.signing_key:
            check(self.mac(reply.data) == reply.signature, 'a wrong signature', reply)

    # ---- messages ----

    def header(self, command, **how):
        """how: mid, flags, next, async_id, session_id, tree_id, charge, credits"""
        ids = how.get('async_id', (how.get('tree_id', self.tree_id) << 32) | 0xfeff)
        return b'\xfeSMB' + struct.pack('<HHIHHIIQQQ16x', 64, how.get('charge', 1), 0, command, how.get('credits', 64),
                                        how.get('flags', 0), how.get('next', 0), how.get('mid', self.mid), ids,
                                        how.get('session_id', self.session_id))

    def protected(self, data, signs=None):
        if self.seals:
            return self.sealed(data)
        return self.signed(data) if (self.signs if signs is None else signs) else data

    def _take_mid(self, command, how):
        if 'mid' not in how:
            how['mid'] = self.mid
            self.mid += max(1, how.get('charge', 1)) if command != CANCEL else 0
        self.credits -= max(1, how.get('charge', 1)) if command != CANCEL else 0
        return how

    def frame(self, command, body, signs=None, **how):
        """The frame of a request, with its length in front; to be sent whenever."""
        how = self._take_mid(command, how)
        data = self.protected(self.header(command, **how) + body, signs)
        return struct.pack('>I', len(data)) + data

    def send(self, command, body, **how):
        """Its MessageId."""
        mid = how.get('mid', self.mid)
        self.socket.sendall(self.frame(command, body, **how))
        return mid

    def send_compound(self, *elements):
        """elements: (command, body) or (command, body, how)"""
        out = b''
        for i, (command, body, *how) in enumerate(elements):
            is_last = i + 1 == len(elements)
            body += b'' if is_last else bytes(-len(body) % 8)
            how = self._take_mid(command, dict(how[0]) if how else {})
            data = self.header(command, next=0 if is_last else 64 + len(body), **how) + body
            out += data if self.seals or not self.signs else self.signed(data)
        self.send_frame(self.sealed(out) if self.seals else out)

    def receive(self):
        """The next message, whatever it is."""
        if not self.waiting:
            frame = self.receive_frame()
            sealed = frame[:4] == b'\xfdSMB'
            if sealed:
                frame = self._unsealed(frame)
            while frame:
                length = struct.unpack_from('<I', frame, 20)[0] or len(frame)
                reply = Reply(frame[:length], sealed)
                self._look_at_signature(reply)
                self.credits += reply.credits
                self.waiting.append(reply)
                frame = frame[length:]
        return self.waiting.pop(0)

    def receive_for(self, mid):
        """The final reply with this MessageId; others that come before it are dropped."""
        while True:
            reply = self.receive()
            if reply.mid == mid and reply.status != PENDING:
                return reply

    def ask(self, command, body, **how):
        return self.receive_for(self.send(command, body, **how))

    # ---- getting in ----

    def negotiate(self, dialect=0x0311, signing=AES_GMAC, ciphers=(), flags=0):
        contexts = b''
        body = struct.pack('<HHHHI16s', 36, 1, 1, 0, 0x7f if ciphers else 0x3f, self.guid)
        if dialect == 0x0311:
            parts = [(1, struct.pack('<HHH', 1, 32, 1) + os.urandom(32)), (8, struct.pack('<HH', 1, signing))]
            if ciphers:
                parts.append((2, struct.pack(f'<H{len(ciphers)}H', len(ciphers), *ciphers)))
            for kind, data in parts:
                contexts += bytes(-len(contexts) % 8) + struct.pack('<HHI', kind, len(data), 0) + data
            body += struct.pack('<IHH', 104, len(parts), 0) + struct.pack('<HH', dialect, 0) + contexts
        else:
            body += bytes(8) + struct.pack('<H', dialect)
        request = self.header(NEGOTIATE, flags=flags) + body
        self.mid += 1
        self.send_frame(request)
        reply = Reply(self.receive_frame(), False)
        self.credits += reply.credits - 1
        if reply.status == SUCCESS:
            self._negotiated(request, reply)
        return reply

    def _negotiated(self, request, reply):
        self.dialect = struct.unpack_from('<H', reply.body, 4)[0]
        self.signing = HMAC_SHA256 if self.dialect < 0x0300 else AES_CMAC
        self.cipher = CCM_128 if 0x0300 <= self.dialect < 0x0311 else 0
        self.preauth = bytes(64)
        if self.dialect < 0x0311:
            return
        for message in request, reply.data:
            self.preauth = hashlib.sha512(self.preauth + message).digest()
        count, at = struct.unpack_from('<H', reply.body, 6)[0], struct.unpack_from('<I', reply.body, 60)[0]
        for _ in range(count):
            at += -at % 8
            kind, length = struct.unpack_from('<HH', reply.data, at)
            if kind in (2, 8):
                setattr(self, 'cipher' if kind == 2 else 'signing', struct.unpack_from('<H', reply.data, at + 10)[0])
            at += 8 + length

    def authenticate(self, challenge, user, password):
        """The third message of NTLM, without MIC, and the key that it chooses. user None: nobody. [MS-NLMP] 3.3.2"""
        length, _, at = struct.unpack_from('<HHI', challenge, 40)
        if user is None:
            user, response, base = '', b'', bytes(16)
        else:
            key = hmac.new(MD4.new(utf16(password)).digest(), utf16(user.upper()), 'md5').digest()
            now = int((time.time() + 11644473600) * 10**7)
            blob = struct.pack('<BB6xQ8s4x', 1, 1, now, os.urandom(8)) + challenge[at:at + length] + bytes(4)
            proof = hmac.new(key, challenge[24:32] + blob, 'md5').digest()
            response, base = proof + blob, hmac.new(key, proof, 'md5').digest()
        exported = os.urandom(16)
        out, payload = b'NTLMSSP\0' + struct.pack('<I', 3), b''
        for part in b'', response, b'', utf16(user), utf16('RAW'), ARC4.new(base).encrypt(exported):
            out += struct.pack('<HHI', len(part), len(part), 64 + len(payload))
            payload += part
        return out + struct.pack('<I', NTLM_FLAGS) + payload, exported

    def session_setup(self, blob, flags=0, previous=0, **how):
        """One round; follows the preauthentication hash."""
        body = struct.pack('<HBBIIHHQ', 25, flags, 1, 0, 0, 88, len(blob), previous) + blob
        frame = self.frame(SESSION_SETUP, body, tree_id=0, **how)
        self.socket.sendall(frame)
        self.session_hash = hashlib.sha512(self.session_hash + frame[4:]).digest()
        reply = self.receive()
        if reply.status == MORE_PROCESSING:
            self.session_hash = hashlib.sha512(self.session_hash + reply.data).digest()
        return reply

    def login(self, user=USER, password=PASSWORD, session_id=0):
        """session_id: log in again. The last reply; signs from now on when there is a key."""
        self.session_hash = self.preauth
        reply = self.session_setup(b'NTLMSSP\0' + struct.pack('<II16x', 1, NTLM_FLAGS), session_id=session_id)
        if reply.status != MORE_PROCESSING:
            return reply
        at, length = struct.unpack_from('<HH', reply.body, 4)
        session_id = reply.session_id
        blob, exported = self.authenticate(reply.data[at:at + length], user, password)
        reply = self.session_setup(blob, session_id=session_id)
        if reply.status == SUCCESS:
            self.session_id = session_id
            self.session_flags = struct.unpack_from('<H', reply.body, 2)[0]
            if not self.session_flags & (GUEST | NOBODY) and not self.signing_key:
                self._derive_keys(exported)
                check(reply.sealed or self.mac(reply.data) == reply.signature, 'a wrong signature', reply)
        return reply

    def _derive_keys(self, exported):
        self.signs, self.signing_key = True, exported
        if self.dialect >= 0x0311:
            length = 32 if self.cipher in (CCM_256, GCM_256) else 16
            self.signing_key = derive(exported, b'SMBSigningKey\0', self.session_hash)
            self.seal_key = derive(exported, b'SMBC2SCipherKey\0', self.session_hash, length)
            self.unseal_key = derive(exported, b'SMBS2CCipherKey\0', self.session_hash, length)
        elif self.dialect >= 0x0300:
            self.signing_key = derive(exported, b'SMB2AESCMAC\0', b'SmbSign\0')
            self.seal_key = derive(exported, b'SMB2AESCCM\0', b'ServerIn \0')
            self.unseal_key = derive(exported, b'SMB2AESCCM\0', b'ServerOut\0')
        self.seals = bool(self.session_flags & SEALED)

    def tree(self, share):
        path = utf16('\\\\127.0.0.1\\' + share)
        reply = self.ask(TREE_CONNECT, struct.pack('<HHHH', 9, 0, 72, len(path)) + path, tree_id=0)
        if reply.status == SUCCESS:
            self.tree_id = reply.tree_id
        return reply

    def more_credits(self, wanted):
        while self.credits < wanted:
            before = self.credits
            self.ask(ECHO, ECHO_BODY, credits=8192)
            check(self.credits > before, 'the server grants no more credits', before)

    # ---- files ----

    def create(self, name, **how):
        """The 16 bytes of the file id."""
        reply = self.ask(CREATE, create_body(name, **how))
        check(reply.status == SUCCESS, 'create', name, reply)
        return reply.body[64:80]


ECHO_BODY = struct.pack('<HH', 4, 0)


def create_body(name, access=0x12019f, disposition=3, options=0, oplock=0):
    path = utf16(name)
    return struct.pack('<HBBIQQIIIIIHHII', 57, 0, oplock, 2, 0, 0, access, 0, 7, disposition, options, 120, len(path), 0,
                       0) + (path or b'\0')


def close_body(file):
    return struct.pack('<HHI', 24, 0, 0) + file


def write_body(file, data, offset=0):
    return struct.pack('<HHIQ', 49, 112, len(data), offset) + file + struct.pack('<IIHHI', 0, 0, 0, 0, 0) + data


def read_body(file, length, offset=0):
    return struct.pack('<HBBIQ', 49, 0x50, 0, length, offset) + file + struct.pack('<IIIHH', 0, 0, 0, 0, 0) + b'\0'


def lock_body(file, *ranges):
    """ranges: (offset, length, flags)"""
    return struct.pack('<HHI', 48, len(ranges), 0) + file + b''.join(struct.pack('<QQII', *r, 0) for r in ranges)


def notify_body(file, size=65536):
    return struct.pack('<HHI', 32, 1, size) + file + struct.pack('<II', 0xfff, 0)


def query_directory_body(file, pattern='*', file_class=37, flags=0, size=65536):
    wanted = utf16(pattern)
    return struct.pack('<HBBI', 33, file_class, flags, 0) + file + struct.pack('<HHI', 96, len(wanted), size) + wanted


def oplock_break_body(file, level):
    return struct.pack('<HBBI', 24, level, 0, 0) + file


def enter(port, share='mem', user=USER, password=PASSWORD, **how):
    """Connected, logged in, on the share. how: what negotiate takes, and host, source."""
    address = {key: how.pop(key) for key in ('host', 'source', 'timeout') if key in how}
    client = RawClient(port, **address)
    reply = client.negotiate(**how)
    check(reply.status == SUCCESS, 'negotiate', reply)
    for reply in (client.login(user, password), client.tree(share)):
        check(reply.status == SUCCESS, reply)
    return client
