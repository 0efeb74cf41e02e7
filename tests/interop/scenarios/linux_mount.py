# SPDX-License-Identifier: Apache-2.0
"""The kernel of Linux mounts the shares, in a small machine of its own under qemu, and works in them (long)."""
import functools

import guest
from harness import Server, case, check, main

DIALECTS = ('3.1.1', '3.1.1,seal', '3.0.2', '3.0', '2.1', '2.0')
SHARES = ('memory', 'folder')

SCRIPT = r'''
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
'''


@functools.lru_cache(maxsize=None)
def console():
    """All mounts in one start of the machine; what it said."""
    with Server('memory=mem:', 'folder=@/folder', users=(('u', 'p'),)) as s:
        script = SCRIPT.replace('SHARES', ' '.join(SHARES)).replace('DIALECTS', ' '.join(DIALECTS)).replace('PORT', str(s.port))
        return guest.console(s, script)


def mounted(share, vers):
    text = console()
    check(f'DONE {share} {vers}\r' in text, text[-3000:])


for _share in SHARES:
    for _vers in DIALECTS:
        case(f'{_share}, vers={_vers}', _share, _vers)(mounted)

main()
