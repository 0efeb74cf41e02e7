# SPDX-License-Identifier: Apache-2.0
"""A folder of 100,000 entries: all of them, each once, also while it changes."""
import os
import re

from harness import DIALECTS, Server, case, check, main

ENTRIES = 100_000


def fill(folder):
    names = {f'entry-{i:06}.dat' for i in range(ENTRIES)}
    for name in names:
        os.close(os.open(os.path.join(folder, name), os.O_CREAT | os.O_WRONLY, 0o644))
    return names


def check_listing(text, names, label):
    seen = re.findall(r'^  (entry-\d{6}\.dat) ', text, re.M)
    check(len(seen) == len(set(seen)), f'{label}: {len(seen) - len(set(seen))} twice')
    check(set(seen) == names, f'{label}: {len(names - set(seen))} missing, {len(set(seen) - names)} too many')


@case('listed with every dialect, searched, counted')
def listing():
    with Server('dir=@/shared') as s:
        names = fill(s.path('shared'))
        for dialect in DIALECTS:
            check_listing(s.smbclient('dir', 'ls', dialect=dialect).ok(), names, dialect)
        part = {n for n in names if '99' in n}
        # Patterns match short names too, as on Windows: none begins like that.
        check_listing(s.smbclient('dir', 'ls entry-*99*.dat').ok(), part, '*99*')
        check_listing(s.smbclient('dir', 'ls ENTRY-04711?.DAT').ok(),
                      {f'entry-04711{i}.dat' for i in range(10)}, 'a pattern in capitals')
        found = {f.get_longname() for f in s.impacket().listPath('dir', '*')}
        check(found - {'.', '..'} == names, f'impacket: {len(found)}')


@case('listed while files come and go')
def changing():
    import threading
    with Server('dir=@/shared') as s:
        names = fill(s.path('shared'))
        stop = threading.Event()

        def change():
            i = 0
            while not stop.is_set():
                path = s.path('shared', f'other-{i}')
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
                os.unlink(path)
                i += 1
        t = threading.Thread(target=change)
        t.start()
        try:
            for _ in range(3):
                check_listing(s.smbclient('dir', 'ls').ok(), names, 'while changing')
        finally:
            stop.set()
            t.join()


main()
