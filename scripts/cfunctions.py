# SPDX-License-Identifier: Apache-2.0
"""The functions of a C file in the project's format: a "{" and a "}" of their own in column 0."""
import collections
import re

Function = collections.namedtuple('Function', 'name line lines parameters parameter_count nesting')

OPEN = re.compile(r'^\{', re.M)
WORDS_OF_CONTROL = re.compile(r'\b(?:if|for|while|switch|LIST_\w+|\w+_FOR_EACH\w*)\s*$')


def _open_paren(code, close):
    """Where the parenthesis opens that closes at close."""
    depth = 0
    for i in range(close, -1, -1):
        if code[i] == ')':
            depth += 1
        elif code[i] == '(':
            depth -= 1
            if depth == 0:
                return i
    return -1


def _is_control(code, brace):
    """Does this brace begin the block of an if, else, for, while, do or switch?"""
    before = code[:brace].rstrip()
    if re.search(r'\b(?:else|do)$', before):
        return True
    if not before.endswith(')'):
        return False
    start = _open_paren(code, len(before) - 1)
    return start >= 0 and bool(WORDS_OF_CONTROL.search(code[:start]))


def _nesting(code, start, end):
    deepest, stack = 0, []
    for i in range(start + 1, end):
        if code[i] == '{':
            stack.append(_is_control(code, i))
            deepest = max(deepest, sum(stack))
        elif code[i] == '}' and stack:
            stack.pop()
    return deepest


def _count(parameters):
    """Parameters between the outer parentheses; commas inside of others do not count."""
    if parameters.strip() in ('', 'void'):
        return 0
    depth, n = 0, 1
    for c in parameters:
        depth += (c in '([{') - (c in ')]}')
        n += c == ',' and depth == 0
    return n


def functions(code):
    """code: without comments and strings (csource.blank)."""
    code = re.sub(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', lambda m: re.sub(r'[^\n]', ' ', m.group(0)),
                  code, flags=re.M)
    for m in OPEN.finditer(code):
        head = code[:m.start()].rstrip()
        # Attributes may stand between the parameters and the body.
        if not head.endswith(')'):
            continue
        start = _open_paren(code, len(head) - 1)
        name = re.search(r'(\w+)\s*$', code[:start])
        end = code.find('\n}', m.start())
        if not name or end < 0:
            continue
        parameters = ' '.join(code[start + 1:len(head) - 1].split())
        first = code.count('\n', 0, m.start()) + 1
        yield Function(name.group(1), code.count('\n', 0, name.start()) + 1,
                       code.count('\n', 0, end + 1) + 2 - first, parameters, _count(parameters),
                       _nesting(code, m.start(), end))
