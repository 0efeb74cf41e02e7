# SPDX-License-Identifier: Apache-2.0
"""Counting what passed: results of a group of checks, and TAP, which every test here speaks."""
import re

LINE = re.compile(r'^(not )?ok\b(?:\s+\d+)?(?:\s*-)?\s*([^#\n]*?)\s*(?:#\s*(SKIP|TODO)\b\s*(.*))?$', re.I)
PLAN = re.compile(r'^1\.\.(\d+)(?:\s*#\s*(SKIP)\b\s*(.*))?', re.I)


class Results:
    """passed: a count; failed, skipped, notes: lists of texts."""

    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []
        self.notes = []

    def add(self, ok, name):
        if ok:
            self.passed += 1
        else:
            self.failed.append(name)

    def merge(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.notes += other.notes


def from_tap(text, name, exit_code=0):
    """The results of one program. What ends badly without saying so in TAP is a failure too: no plan,
    fewer cases than planned, an exit code."""
    out = Results()
    plan = None
    seen = 0
    for line in text.splitlines():
        p = PLAN.match(line)
        if p:
            plan = int(p.group(1))
            if p.group(2):
                out.skipped.append(f'{name}: {p.group(3)}')
            continue
        m = LINE.match(line)
        if not m:
            continue
        seen += 1
        case = f'{name}: {m.group(2) or seen}'
        if m.group(3) and m.group(3).upper() == 'SKIP' and not m.group(1):
            out.skipped.append(f'{case}: {m.group(4)}')
        else:
            out.add(not m.group(1), case)
    if plan is None:
        out.failed.append(f'{name}: ended before it said what it would test (exit code {exit_code})')
    elif seen < plan:
        out.failed.append(f'{name}: {plan - seen} of {plan} cases did not run (exit code {exit_code})')
    elif exit_code != 0 and not out.failed:
        out.failed.append(f'{name}: exit code {exit_code}')
    return out
