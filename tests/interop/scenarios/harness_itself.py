# SPDX-License-Identifier: Apache-2.0
"""The harness sees what a sanitizer or an assertion writes, and takes nothing else for it (quick)."""
from harness import ALARMS, case, check, main

ALARMING = ('WARNING: ThreadSanitizer: data race (pid=7)', '==7==ERROR: AddressSanitizer: heap-use-after-free',
            '==7==ERROR: LeakSanitizer: detected memory leaks', 'FATAL: ThreadSanitizer: unexpected memory mapping',
            'src/a.c:7:3: runtime error: signed integer overflow', 'ASSERT x failed at src/a.c:7')
HARMLESS = ('level=error msg="users file not read" error=2', 'level=warn msg="config reload failed"', '')


@case('alarms')
def alarms():
    for line in ALARMING:
        check(ALARMS.search(line), line)
    for line in HARMLESS:
        check(not ALARMS.search(line), line)


main()
