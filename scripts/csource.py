# SPDX-License-Identifier: Apache-2.0
"""What the checkers share: finding files, blanking comments and strings, running self-tests."""
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOKEN = re.compile(r'''/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*\'''', re.S)


def files(*suffixes, below=('.',), top=TOP):
    """Paths relative to top of the files that git knows or would add, with one of the suffixes."""
    out = subprocess.run(['git', '-C', top, 'ls-files', '-co', '--exclude-standard', '-z', '--',
                          *below], capture_output=True, text=True)
    if out.returncode == 0:
        found = [p for p in out.stdout.split('\0') if p]
    else:  # an unpacked archive
        found = []
        for start in below:
            for folder, subs, names in os.walk(os.path.join(top, start)):
                subs[:] = [s for s in subs if not s.startswith(('build', '.git'))]
                found += [os.path.relpath(os.path.join(folder, n), top) for n in names]
    return sorted(p for p in set(found)
                  if p.endswith(suffixes or '') and os.path.isfile(os.path.join(top, p)))


def read(path, top=TOP):
    with open(os.path.join(top, path), encoding='utf-8', errors='replace') as f:
        return f.read()


def _blank(text):
    return re.sub(r'[^\n]', ' ', text)


def blank(text, strings=True):
    """The source with comments (and the insides of strings) made blanks: same length, same lines."""
    def sub(m):
        t = m.group(0)
        if t[0] == '/':
            return _blank(t)
        return t[0] + _blank(t[1:-1]) + t[-1] if strings else t
    return TOKEN.sub(sub, text)


def line_of(text, pos):
    return text.count('\n', 0, pos) + 1


def report(name, problems, what):
    """Print the problems (path:line: text) and the last line; returns the exit code."""
    for p in problems:
        print(p)
    print(f'{name}: {len(problems)} problems in {what}')
    return 1 if problems else 0


def self_test(name, cases):
    """cases: (label, problems found, text that one of them must hold, or None for no problem)."""
    bad = 0
    for label, found, want in cases:
        ok = not found if want is None else any(want in p for p in found)
        bad += not ok
        if not ok:
            print(f'{name}: self-test "{label}": wanted {want!r}, found {found}')
    print(f'{name}: self-test: {len(cases) - bad} of {len(cases)} samples judged right')
    return 1 if bad else 0


def main(name, check, samples):
    """check() -> (problems, what was looked at); samples() -> cases for self_test."""
    if sys.argv[1:] == ['--self-test']:
        return self_test(name, samples())
    if sys.argv[1:]:
        print(f'usage: {name} [--self-test]', file=sys.stderr)
        return 2
    return report(name, *check())
