#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print src/base/casetable.c: upper case of the BMP as NTFS folds names.

usage: scripts/gen-casetable.py > src/base/casetable.c

NTFS folds one UTF-16 unit to one by a table. That table has the simple upper-case mappings that
lower case takes back again, and final sigma: so no letter outside ASCII becomes an ASCII one
(dotless i U+0131 and long s U+017F stay), and micro, sharp s and the title-case digraphs stay too.
"""
import unicodedata

BLOCK = 64
EXCEPTIONS = {0x03C2: 0x03A3}  # final sigma folds though lower case of U+03A3 is U+03C3


def simple_upper(c):
    """The simple mapping; Python has only the full one, which for a Greek letter with iota
    subscript is two letters while the title-case form is the simple one."""
    full = c.upper()
    return full if len(full) == 1 else c.title() if len(c.title()) == 1 else c


def fold(cp):
    c = chr(cp)
    if 0xD800 <= cp <= 0xDFFF:
        return cp
    up = simple_upper(c)
    if cp in EXCEPTIONS:
        return EXCEPTIONS[cp]
    return ord(up) if up.lower() == c and ord(up) < 0x10000 else cp


def rows(values, per_line, fmt):
    for i in range(0, len(values), per_line):
        print("    " + ", ".join(fmt % v for v in values[i:i + per_line]) + ",")


def main():
    deltas = [(fold(cp) - cp) & 0xFFFF for cp in range(0x10000)]
    blocks, index = [], []
    for i in range(0, 0x10000, BLOCK):
        block = tuple(deltas[i:i + BLOCK])
        if block not in blocks:
            blocks.append(block)
        index.append(blocks.index(block))
    assert len(blocks) <= 256
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    version = unicodedata.unidata_version
    print("/* Made by scripts/gen-casetable.py from Unicode %s; do not edit. */" % version)
    print('#include "base/casetable.h"\n')
    print("/* clang-format off */")
    print("const uint8_t casetable_index[0x10000 / CASETABLE_BLOCK] = {")
    rows(index, 20, "%d")
    print("};\n")
    print("const uint16_t casetable_delta[%d][CASETABLE_BLOCK] = {" % len(blocks))
    for block in blocks:
        print("    {")
        rows(block, 12, "0x%04x")
        print("    },")
    print("};\n/* clang-format on */")


main()
