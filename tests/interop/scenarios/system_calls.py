# SPDX-License-Identifier: Apache-2.0
"""The server makes no more system calls for a unit of work than it did: "bench/syscalls --calls" tells which ones."""
from harness import FILTERS, Skip, case, check, main
from syscalls import count

# For each row of syscalls.WORK, with a tenth over what was counted. Lower them when they become fewer.
LIMITS = {'dir': (13, 30, 60, 1.3, 0.2), 'mem': (7, 11, 46, 0.1, 0.1)}
TRIES = 3


def few(share):
    if FILTERS:
        raise Skip('a filter is in the way, with calls of its own')
    # Threads that are kept waiting beside other load make some more: what the work needs is in each count.
    for _ in range(TRIES):
        over = []
        for (what, number, calls), limit in zip(count(share), LIMITS[share], strict=True):
            print(f'# {what}: {number:.2f}')
            if number > limit:
                over.append(f'{what}: {number:.2f} calls, at most {limit}: {calls}')
        if not over:
            break
    check(not over, '; '.join(over))


for name in LIMITS:
    case(name, name)(few)


main()
