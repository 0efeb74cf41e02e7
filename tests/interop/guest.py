# SPDX-License-Identifier: Apache-2.0
"""A small Linux machine under qemu: the kernel of Debian's package, busybox, what else it is given, and one script. It reaches
this machine as 10.0.2.2; what it says on its console is what comes back."""
import glob
import os
import shutil
import subprocess

from harness import TOP, Skip

KEPT = os.path.join(TOP, 'build', 'linux-mount')  # the kernel is fetched once
BOOT_TIMEOUT_S = 850  # under emulation, and beside everything else
SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'guest')
# What the kernel package has as modules and a mount needs.
PARTS = ('fs/smb', 'fs/netfs', 'fs/fscache', 'fs/nls/nls_utf8.ko', 'net/dns_resolver', 'crypto',
         'drivers/net/ethernet/intel/e1000')

BEGIN = r'''#!/bin/busybox sh
/bin/busybox mkdir -p /sbin /usr/bin /usr/sbin /proc /sys /dev /mnt /tmp
/bin/busybox --install -s
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
# Modules need each other: again until no more go in.
for pass in 1 2 3 4 5; do for m in /mod/*.ko; do insmod $m 2>/dev/null && rm $m; done; done
ip link set lo up; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0
'''
END = '\npoweroff -f\n'


def _run(*command, **kwargs):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs)


def _kernel():
    """(vmlinuz, modules) out of Debian's package, which is unpacked, not installed."""
    found = glob.glob(os.path.join(KEPT, 'boot', 'vmlinuz-*'))
    if not found:
        shutil.rmtree(KEPT, ignore_errors=True)
        os.makedirs(KEPT)
        try:
            names = subprocess.run(['apt-cache', 'depends', 'linux-image-amd64'], check=True, text=True,
                                   capture_output=True).stdout.split()
            package = next(n for n in names if n.startswith('linux-image-'))
            if package == 'linux-image-amd64':
                package = next(n for n in names if n.startswith('linux-image-') and n != package)
            _run('apt-get', 'download', package, cwd=KEPT)
        except (OSError, StopIteration, subprocess.CalledProcessError) as e:
            raise Skip(f'no kernel package can be had: {e}')
        deb = glob.glob(os.path.join(KEPT, '*.deb'))[0]
        with subprocess.Popen(['dpkg-deb', '--fsys-tarfile', deb], stdout=subprocess.PIPE) as tar:
            _run('tar', '-x', '-C', KEPT, '--wildcards', './boot/vmlinuz-*',
                 *(f'./lib/modules/*/kernel/{p}*' for p in PARTS), stdin=tar.stdout)
        os.unlink(deb)
        found = glob.glob(os.path.join(KEPT, 'boot', 'vmlinuz-*'))
    return found[0], glob.glob(os.path.join(KEPT, 'lib', 'modules', '*', 'kernel', '**', '*.ko'), recursive=True)


def _libraries(program):
    """The files that its loader wants, and the loader."""
    out = subprocess.run(['ldd', program], capture_output=True, text=True, check=False).stdout
    return [word for line in out.splitlines() for word in line.split() if word.startswith('/')]


def _put(root, path, to=None):
    to = root + (to or path)
    os.makedirs(os.path.dirname(to), exist_ok=True)
    shutil.copy(path, to)


def _programs(root, names):
    """Those of this machine, with their libraries, and those whose source is in guest/."""
    for name in names:
        source = os.path.join(SOURCES, name + '.c')
        if os.path.exists(source):
            os.makedirs(root + '/usr/bin', exist_ok=True)
            _run('gcc', '-static', '-O1', '-D_GNU_SOURCE', '-o', f'{root}/usr/bin/{name}', source)
            continue
        path = shutil.which(name)
        if not path:
            raise Skip(f'{name} is not installed')
        for file in [path, *_libraries(path)]:
            _put(root, file, f'/usr/bin/{name}' if file == path else None)


def console(s, script, programs=(), memory_mib=512):
    """The machine is started, runs the script and goes; all that it said. s: the server, in whose folder the machine is made."""
    for program in ('qemu-system-x86_64', 'cpio', 'busybox'):
        if not shutil.which(program):
            raise Skip(f'{program} is not installed')
    vmlinuz, modules = _kernel()
    root = s.make_folder('root')
    _put(root, shutil.which('busybox'), '/bin/busybox')
    _programs(root, programs)
    for m in modules:
        if 'tcrypt' not in m:  # tests of all ciphers, for half a minute
            _put(root, m, '/mod/' + os.path.basename(m))
    init = os.path.join(root, 'init')
    with open(init, 'w', encoding='utf-8') as f:
        f.write(BEGIN + script + END)
    os.chmod(init, 0o755)
    image = s.path('initramfs')
    subprocess.run(f'cd {root} && find . | cpio -o -H newc 2>/dev/null | gzip -1 > {image}', shell=True, check=True)
    command = ['qemu-system-x86_64', '-m', str(memory_mib), '-nographic', '-no-reboot', '-kernel', vmlinuz, '-initrd', image,
               '-append', 'console=ttyS0 quiet panic=1', '-netdev', 'user,id=n', '-device', 'e1000,netdev=n']
    try:
        out = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=BOOT_TIMEOUT_S, check=False).stdout
    except subprocess.TimeoutExpired as e:  # the cases that it did not come to fail, and it is not started for each again
        out = e.stdout or b''
    return out.decode('utf-8', 'replace')
