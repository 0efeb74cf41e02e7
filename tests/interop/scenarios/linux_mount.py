# SPDX-License-Identifier: Apache-2.0
"""The kernel of Linux mounts the shares, in a small machine of its own under qemu, and works in them (long)."""
import functools
import glob
import os
import shutil
import subprocess

from harness import TOP, Server, Skip, case, check, main

KEPT = os.path.join(TOP, 'build', 'linux-mount')  # the kernel is fetched once
BOOT_TIMEOUT_S = 700  # under emulation, and beside everything else
DIALECTS = ('3.1.1', '3.1.1,seal', '3.0.2', '3.0', '2.1', '2.0')
SHARES = ('memory', 'folder')
# What the kernel package has as modules and a mount needs.
PARTS = ('fs/smb', 'fs/netfs', 'fs/fscache', 'fs/nls/nls_utf8.ko', 'net/dns_resolver', 'crypto',
         'drivers/net/ethernet/intel/e1000')

INIT = r'''#!/bin/busybox sh
/bin/busybox mkdir -p /sbin /usr/bin /usr/sbin /proc /sys /dev /mnt
/bin/busybox --install -s
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
# Modules need each other: again until no more go in.
for pass in 1 2 3 4 5; do for m in /mod/*.ko; do insmod $m 2>/dev/null && rm $m; done; done
ip link set lo up; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0
work() {
    cd /mnt && mkdir -p d/sub && dd if=/dev/urandom of=/f bs=1M count=8 2>/dev/null &&
        cp /f d/sub/f && cmp /f d/sub/f && mv d/sub/f d/g && echo more >>d/g && [ $(wc -c <d/g) = 8388613 ] &&
        for i in $(seq 200); do echo $i >d/n$i || return 1; done && [ $(ls d | wc -l) = 202 ] &&
        truncate -s 100 d/g && [ $(wc -c <d/g) = 100 ] && rm -r d && [ -z "$(ls)" ]
}
for share in SHARES; do for vers in DIALECTS; do
    where="ip=10.0.2.2,unc=\\\\10.0.2.2\\$share,username=u,password=p,port=PORT"
    if mount -t cifs -o "$where,vers=$vers" //10.0.2.2/$share /mnt && work && cd / && umount /mnt; then
        echo "DONE $share $vers"
    else
        echo "FAILED $share $vers"; cd /; umount /mnt 2>/dev/null; dmesg | tail -5
    fi
done; done
poweroff -f
'''


def _run(*command, **kwargs):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs)


def kernel():
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


def initramfs(s, modules):
    root = s.make_folder('root')
    for name in ('bin', 'mod'):
        os.makedirs(os.path.join(root, name))
    shutil.copy('/bin/busybox', os.path.join(root, 'bin', 'busybox'))
    for m in modules:
        shutil.copy(m, os.path.join(root, 'mod'))
    text = INIT.replace('SHARES', ' '.join(SHARES)).replace('DIALECTS', ' '.join(DIALECTS))
    init = os.path.join(root, 'init')
    with open(init, 'w', encoding='utf-8') as f:
        f.write(text.replace('PORT', str(s.port)))
    os.chmod(init, 0o755)
    image = s.path('initramfs')
    subprocess.run(f'cd {root} && find . | cpio -o -H newc 2>/dev/null | gzip -1 > {image}', shell=True, check=True)
    return image


@functools.lru_cache(maxsize=None)
def console():
    """All mounts in one start of the machine; what it said."""
    for program in ('qemu-system-x86_64', 'cpio', 'busybox'):
        if not shutil.which(program):
            raise Skip(f'{program} is not installed')
    vmlinuz, modules = kernel()
    with Server('memory=mem:', 'folder=@/folder', users=(('u', 'p'),)) as s:
        command = ['qemu-system-x86_64', '-m', '512', '-nographic', '-no-reboot', '-kernel', vmlinuz, '-initrd',
                   initramfs(s, modules), '-append', 'console=ttyS0 quiet panic=1', '-netdev', 'user,id=n', '-device',
                   'e1000,netdev=n']
        try:
            out = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=BOOT_TIMEOUT_S, check=False).stdout
        except subprocess.TimeoutExpired as e:  # the cases that it did not come to fail, and it is not started for each again
            out = e.stdout or b''
        return out.decode('utf-8', 'replace')


def mounted(share, vers):
    text = console()
    check(f'DONE {share} {vers}\r' in text, text[-3000:])


for _share in SHARES:
    for _vers in DIALECTS:
        case(f'{_share}, vers={_vers}', _share, _vers)(mounted)

main()
