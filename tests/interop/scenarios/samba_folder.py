# SPDX-License-Identifier: Apache-2.0
"""A folder that Samba has served is taken over with everything in place, and handed back: with the real smbd, both ways."""
import contextlib
import glob
import os
import shutil
import struct
import subprocess
import tempfile

import rawbodies as b
from harness import PASSWORD, Server, Skip, case, check, expect, free_port, main, wait_for
from rawclient import Files, connect

READ_ONLY, HIDDEN, SYSTEM, ARCHIVE = 0x1, 0x2, 0x4, 0x20
CREATED = 130000000000000000  # 2012
SAMBA_USER = 'daemon'  # an account that every Debian has
NO_XATTRS = 'the file system of /tmp keeps no extended attributes'
# Owner and group S-1-5-32-545, a DACL of two: everyone reads, S-1-5-32-544 may do everything. [MS-DTYP] 2.4.6
USERS = struct.pack('<BB6s2I', 1, 2, bytes([0, 0, 0, 0, 0, 5]), 32, 545)
ADMINS = struct.pack('<BB6s2I', 1, 2, bytes([0, 0, 0, 0, 0, 5]), 32, 544)
EVERYONE = struct.pack('<BB6sI', 1, 1, bytes([0, 0, 0, 0, 0, 1]), 0)

CONFIG = """[global]
  netbios name = REFERENCE
  server role = standalone server
  interfaces = lo
  bind interfaces only = yes
  smb ports = {port}
  private dir = {dir}/private
  lock directory = {dir}/lock
  state directory = {dir}/state
  cache directory = {dir}/cache
  pid directory = {dir}/pid
  ncalrpc dir = {dir}/ncalrpc
  binddns dir = {dir}/bind
  log file = {dir}/log
  passdb backend = tdbsam
  disable netbios = yes
  load printers = no
  server min protocol = SMB2_02
  kernel oplocks = no
  ea support = yes
  store dos attributes = yes
  map archive = no
  map readonly = no
  vfs objects = acl_xattr streams_xattr
  acl_xattr:ignore system acls = {ignore}
[share]
  path = {share}
  read only = no
  create mask = 0777
  directory mask = 0777
  {more}
"""


def ace(sid, access):
    return struct.pack('<BBHI', 0, 0, 8 + len(sid), access) + sid


def dacl(*aces):
    body = b''.join(aces)
    return struct.pack('<BBHHH', 2, 0, 8 + len(body), len(aces), 0) + body


def only_dacl(*aces):
    return struct.pack('<BBHIIII', 1, 0, 0x8004, 0, 0, 0, 20) + dacl(*aces)


def need_smbd():
    if os.geteuid() != 0:
        raise Skip('smbd runs as root')
    if not shutil.which('smbd') or not shutil.which('smbpasswd'):
        raise Skip('samba is not installed')
    if not glob.glob('/usr/lib/*/samba/vfs/streams_xattr.so'):
        raise Skip('samba-vfs-modules is not installed')


class Samba:
    """A private smbd on loopback that serves one folder as "share"."""

    def __init__(self, share, ignore='no', more=''):
        self.port = free_port()
        self.dir = tempfile.mkdtemp(prefix='smbkit-smbd-')
        for name in ('private', 'lock', 'state', 'cache', 'pid', 'ncalrpc', 'bind'):
            os.mkdir(os.path.join(self.dir, name))
        self.config = os.path.join(self.dir, 'smb.conf')
        with open(self.config, 'w', encoding='ascii') as f:
            f.write(CONFIG.format(port=self.port, dir=self.dir, share=share, ignore=ignore, more=more))
        subprocess.run(['smbpasswd', '-c', self.config, '-s', '-a', SAMBA_USER], check=True, capture_output=True,
                       input=f'{PASSWORD}\n{PASSWORD}\n', text=True)
        self.process = None

    def _answers(self):
        check(self.process.poll() is None, 'smbd has ended')
        try:
            Files(self.port).drop()
        except OSError:
            return False
        return True

    def __enter__(self):
        with open(os.path.join(self.dir, 'out'), 'wb') as out:
            self.process = subprocess.Popen(['smbd', '-F', '--no-process-group', '-p', str(self.port), '-s', self.config],
                                            stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)
        wait_for(self._answers, 30, 'smbd to listen')
        return self

    def __exit__(self, kind, value, trace):
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.dir, ignore_errors=True)

    def connect(self):
        c = Files(self.port)
        expect('NEGOTIATE', c.negotiate().status, 0)
        expect('log-in', c.login(SAMBA_USER, PASSWORD).status, 0)
        expect('tree', c.tree('share').status, 0)
        return c


@contextlib.contextmanager
def shared_folder():
    """A server of smbkit's that is not started, and the folder that it and smbd serve in turn."""
    need_smbd()
    s = Server('share=@/share')
    try:
        share = s.path('share')
        os.chmod(s.folder, 0o755)
        os.chmod(share, 0o777)
        try:
            os.setxattr(share, 'user.try', b'')
            os.removexattr(share, 'user.try')
        except OSError:
            raise Skip(NO_XATTRS) from None
        yield s, share
    finally:
        shutil.rmtree(s.folder, ignore_errors=True)


@contextlib.contextmanager
def smbkit(s):
    s.start()
    try:
        with connect(s, 'share') as c:
            yield c
    finally:
        expect('the end of smbkit', s.stop(), 0)
    s.check_log()


@contextlib.contextmanager
def smbd(share, **how):
    with Samba(share, **how) as samba, samba.connect() as c:
        yield c


def set_security(c, path, sd, which=4):
    f = c.opened(path, access=0xe0080)
    expect(f'setting the descriptor of {path}', c.set(f, 0, sd, kind=b.KIND_SECURITY, which=which), 'OK')
    c.close(f)


def security(c, path):
    """Owner, group and the entries of the DACL."""
    f = c.opened(path, access=0x20080)
    sd = c.query(f, 0, b.KIND_SECURITY, which=7).buffer()
    c.close(f)
    owner, group, _, at = struct.unpack_from('<4I', sd, 4)

    def sid(where):
        return sd[where:where + 8 + 4 * sd[where + 1]]
    size = struct.unpack_from('<H', sd, at + 2)[0]
    return sid(owner), sid(group), sd[at + 8:at + size]


def basic(c, path):
    """Creation time, last write, attributes."""
    f = c.opened(path, access=b.ATTRIBUTES)
    data = c.query(f, 4).buffer()
    c.close(f)
    created, _, written, _, attributes = struct.unpack_from('<4QI', data)
    return created, written, attributes


def set_basic(c, path, **how):
    f = c.opened(path, access=b.ATTRIBUTES)
    expect(f'setting {path}', c.set(f, 4, b.basic(**how)), 'OK')
    c.close(f)


def furnish(c):
    """What every server is asked to keep."""
    c.make_folder('d')
    set_security(c, 'd', only_dacl(ace(EVERYONE, 0x1f01ff)))
    c.put('d\\f', b'data')
    c.put('d\\f:one', b'first')
    c.put('d\\f:two', b'2' * 1000)
    c.put('d\\f:empty')
    c.put('d:of a folder', b'x')
    set_security(c, 'd\\f', only_dacl(ace(EVERYONE, 0x1f01ff), ace(USERS, 0x1200a9)))
    set_basic(c, 'd\\f', created=CREATED, written=CREATED + 10**7, attributes=HIDDEN | SYSTEM)
    set_basic(c, 'd', created=CREATED + 1, attributes=HIDDEN)


def check_furnished(c, descriptors):
    expect('times and attributes', basic(c, 'd\\f'), (CREATED, CREATED + 10**7, HIDDEN | SYSTEM))
    created, _, attributes = basic(c, 'd')
    expect('of a folder', (created, attributes), (CREATED + 1, HIDDEN | 0x10))
    listed = {e.name: e.attributes for e in c.listing('d')}
    expect('listed', listed['f'], HIDDEN | SYSTEM)
    for name, data in (('f', b'data'), ('f:one', b'first'), ('f:ONE', b'first'), ('f:two', b'2' * 1000), ('f:empty', 'END_OF_FILE')):
        expect(name, c.content('d\\' + name), data)
    expect('of a folder', c.content('d:of a folder'), b'x')
    expect('one that is not there', c.try_open('d\\f:three', access=1), 'OBJECT_NAME_NOT_FOUND')
    for path, wanted in descriptors.items():
        expect(f'the descriptor of {path}', security(c, path), wanted)


def change(c):
    """What the other server does to it."""
    f = c.opened('d\\f:one')
    expect('cutting a stream', c.set_size(f, 0), 'OK')
    expect('writing it', c.write(f, b'changed'), 'OK')
    c.close(f)
    expect('removing a stream', c.try_open('d\\f:two', access=0x10080, options=b.DELETE_ON_CLOSE), 'OK')
    c.put('d\\f:three', b'third')
    c.put('d\\g', b'made', attributes=SYSTEM)
    c.put('d\\g:s', b'g')
    set_basic(c, 'd\\g', attributes=SYSTEM | ARCHIVE)
    set_security(c, 'd\\g', only_dacl(ace(EVERYONE, 0x1f01ff)))
    # After the streams: when smbd makes one it gives the file the attributes that are asked for with it.
    set_basic(c, 'd\\f', created=CREATED + 50, written=CREATED, attributes=READ_ONLY | ARCHIVE)
    set_basic(c, 'd\\f', attributes=HIDDEN | ARCHIVE)
    set_security(c, 'd\\f', only_dacl(ace(ADMINS, 0x1f01ff), ace(EVERYONE, 0x1f01ff)))


def check_changed(c, descriptors):
    created, _, attributes = basic(c, 'd\\f')
    expect('changed', (created, attributes), (CREATED + 50, HIDDEN | ARCHIVE))
    for name, data in (('f:one', b'changed'), ('f:three', b'third'), ('g', b'made'), ('g:s', b'g')):
        expect(name, c.content('d\\' + name), data)
    expect('removed', c.try_open('d\\f:two', access=1), 'OBJECT_NAME_NOT_FOUND')
    expect('made', basic(c, 'd\\g')[2], SYSTEM | ARCHIVE)
    for path, wanted in descriptors.items():
        expect(f'the descriptor of {path}', security(c, path), wanted)


PATHS = ('d', 'd\\f')


@case('taken over from smbd, and handed back', 'no')
@case('the same, of a share that ignores the ACLs of the system', 'yes')
def taken_over(ignore):
    with shared_folder() as (s, share):
        with smbd(share, ignore=ignore) as c:
            furnish(c)
            kept = {path: security(c, path) for path in PATHS}
            check_furnished(c, kept)
        with smbkit(s) as c:
            check_furnished(c, kept)
            change(c)
            changed = {path: security(c, path) for path in (*PATHS, 'd\\g')}
            check_changed(c, changed)
        with smbd(share, ignore=ignore) as c:
            check_changed(c, changed)


@case('made by smbkit, taken over by smbd, and back')
def handed_over():
    with shared_folder() as (s, share):
        with smbkit(s) as c:
            furnish(c)
            kept = {path: security(c, path) for path in PATHS}
        os.chmod(os.path.join(share, 'd'), 0o777)  # smbd acts as its own user: the descriptor of the folder goes, as Samba has it
        os.chmod(os.path.join(share, 'd', 'f'), 0o666)
        with smbkit(s) as c:
            set_security(c, 'd\\f', only_dacl(ace(EVERYONE, 0x1f01ff), ace(USERS, 0x1200a9)))
        with smbd(share) as c:
            check_furnished(c, {'d\\f': kept['d\\f']})
            change(c)
            changed = {path: security(c, path) for path in ('d\\f', 'd\\g')}
        with smbkit(s) as c:
            check_changed(c, changed)


def old_attributes(version):
    """user.DOSATTRIB as earlier versions of Samba wrote it: of a hidden file, with the text that they had before it."""
    head = b'0x22\0\0' + struct.pack('<HHxx', version, version)
    sizes = struct.pack('<IQQ', 0, 1, 4096)
    body = {1: struct.pack('<I', 0x22) + sizes + struct.pack('<QQ', CREATED, CREATED),
            3: struct.pack('<II', 0x11, 0x22) + sizes + struct.pack('<QQ', CREATED, CREATED),
            4: struct.pack('<IIQQ', 0x11, 0x22, CREATED, CREATED)}
    return head + body[version]


@case('DOS attributes as earlier versions of Samba wrote them')
def old_versions():
    with shared_folder() as (s, share):
        for version in (1, 3, 4):
            path = os.path.join(share, f'v{version}')
            open(path, 'wb').close()
            os.chmod(path, 0o666)
            os.setxattr(path, 'user.DOSATTRIB', old_attributes(version))
        with smbd(share) as c:
            for version in (1, 3, 4):
                created, _, attributes = basic(c, f'v{version}')
                expect(f'version {version}, smbd', (created, attributes), (CREATED, HIDDEN | ARCHIVE))
        with smbkit(s) as c:
            for version in (1, 3, 4):
                created, _, attributes = basic(c, f'v{version}')
                expect(f'version {version}', (created, attributes), (CREATED, HIDDEN | ARCHIVE))
            listed = {e.name: e.attributes for e in c.listing()}
            expect('listed', listed['v4'], HIDDEN | ARCHIVE)


@case('without root: user.NTACL')
def without_root():
    with shared_folder() as (s, share):
        if not shutil.which('setpriv'):
            raise Skip('setpriv is not installed')
        s.prefix = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all']
        os.chmod(s.folder, 0o777)
        with smbkit(s) as c:
            furnish(c)
            kept = {path: security(c, path) for path in PATHS}
            path = os.path.join(share, 'd', 'f')
            check('user.NTACL' in os.listxattr(path) and 'security.NTACL' not in os.listxattr(path), os.listxattr(path))
        os.chmod(os.path.join(share, 'd'), 0o777)  # smbd acts as its own user
        os.chmod(path, 0o666)
        with smbd(share, ignore='yes', more='acl_xattr:security_acl_name = user.NTACL') as c:
            check_furnished(c, kept)
            change(c)
            changed = security(c, 'd\\f')
        with smbkit(s) as c:
            expect('back', security(c, 'd\\f'), changed)


main()
