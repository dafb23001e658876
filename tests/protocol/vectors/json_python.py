#!/usr/bin/env python3
"""Writes json-python.txt: texts, and what Python's json module makes of them.

    json_python.py > json-python.txt

One text a line: its bytes in hex, a tab, and either "-" (refused) or what it says: n, t, f, #NUMBER with its digits as
written, "HEX of a string's UTF-8, [..] and {..} with commas after every element, key and value.
"""

import json
import random

RANDOM = random.Random(6)
STARTS = [
    '{"records":[{"key":"aw==","value":"dg==","partition":0}],"n":null}',
    '[1,-0,1.10,18446744073709551615,1e5,-2E-7,0.0e+0,true,false,null]',
    '{"a\\u0000b":"\\u00fc\\ud83c\\udf3e\\"\\\\\\/\\b\\f\\n\\r\\t","":{}}',
    ' [ [ ] , { } , "" , "gr\u00fc\u00df \u20ac \U0001f33e" ] ',
    '{"a":{"b":[{"c":[[1]]},2]},"a":3}',
    '"\u007f\u0080\u07ff\u0800\uffff\U0010ffff"',
]
PIECES = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"1", b"-", b"+", b".", b"e", b"E", b"\\u12", b"\\ud800",
          b"\\udc00", b"\\x41", b" ", b"\t", b"\n", b"\x0b", b"\x0c", b"\0", b"\x1f", b"\x7f", b"\x80", b"\xc0\x80",
          b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"NaN", b"Infinity", b"tru", b"null", b"'", b"/**/",
          b"01", b"1.", b".5", b"1e", b"0x1", b"\xc3\xbc", b"\xe2\x80\xa8"]  # fmt: skip


class Number(str):
    pass


class Pairs(list):
    pass


def refuse(_):
    raise ValueError("no JSON")


def said(value):
    if value is None or isinstance(value, bool):
        return {None: "n", True: "t", False: "f"}[value]
    if isinstance(value, Number):
        return "#" + value
    if isinstance(value, str):
        return '"' + value.encode().hex()
    if isinstance(value, Pairs):
        return "{" + "".join(said(key) + "," + said(inner) + "," for key, inner in value) + "}"
    return "[" + "".join(said(inner) + "," for inner in value) + "]"


def verdict(text):
    try:
        decoded = text.decode("utf-8")
        return said(json.loads(decoded, parse_int=Number, parse_float=Number, parse_constant=refuse,
                               object_pairs_hook=Pairs))  # fmt: skip
    except ValueError:  # UnicodeError, of lone surrogates too, is one
        return "-"


def damaged(text):
    text = bytearray(text)
    for _ in range(RANDOM.choice((1, 1, 1, 2, 3))):
        at = RANDOM.randrange(len(text) + 1)
        cut = RANDOM.choice((0, 0, 1, 1, 2, 5))
        text[at : at + cut] = RANDOM.choice(PIECES) if RANDOM.random() < 0.8 else b""
    return bytes(text)


def main():
    texts = [start.encode() for start in STARTS] + [b"", b" "] + PIECES + [b"[" + piece + b"]" for piece in PIECES]
    texts += [b'"' + piece + b'"' for piece in PIECES] + [b'{"a":' + piece + b"}" for piece in PIECES]
    texts += [start.encode()[:size] for start in STARTS for size in range(len(start.encode()))]
    texts += [damaged(RANDOM.choice(STARTS).encode()) for _ in range(800)]
    for text in dict.fromkeys(texts):
        print(text.hex() + "\t" + verdict(text))


main()
