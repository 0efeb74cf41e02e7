# SPDX-License-Identifier: Apache-2.0
"""The server makes no more system calls for a unit of work than it did: "bench/syscalls --calls" tells which ones."""
from harness import FILTER, Skip, case, check, main
from syscalls import count

# For each row of syscalls.WORK, with a tenth over what was counted. Lower them when they become fewer.
LIMITS = {'dir': (13, 32, 60, 1.3, 0.2), 'mem': (7, 11, 46, 0.1, 0.1)}


def few(share):
    if FILTER:
        raise Skip('a filter is in the way, with calls of its own')
    counted = count(share)
    for (what, number, calls), limit in zip(counted, LIMITS[share], strict=True):
        print(f'# {what}: {number:.2f}')
        check(number <= limit, f'{what}: {number:.2f} calls, at most {limit}: {calls}')


for name in LIMITS:
    case(name, name)(few)


main()
