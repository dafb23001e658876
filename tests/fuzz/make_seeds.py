#!/usr/bin/env python3
"""Writes seeds for the fuzz targets request and message from the declarations of Kafka's messages.

    make_seeds.py DECLARATIONS_FOLDER SEEDS_FOLDER

One file for each message and version: request/ holds whole requests, message/ every other message behind a byte with
its index and a byte with its version.
"""

import struct
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from declarations import read_messages  # noqa: E402

SCALARS = {
    "bool": b"\1", "int8": b"\2", "int16": b"\0\3", "uint16": b"\0\4", "int32": b"\0\0\0\5",
    "int64": b"\0\0\0\0\0\0\0\6", "float64": struct.pack(">d", 1.5), "uuid": bytes(range(16)),
}  # fmt: skip


def varint(number):
    data = b""
    while number >= 0x80:
        data += bytes([number & 0x7F | 0x80])
        number >>= 7
    return data + bytes([number])


class Encoder:
    def __init__(self, message, version):
        self.version = version
        self.flexible = version >= message.flexible

    def length(self, number, form):
        return varint(number + 1) if self.flexible else struct.pack(form, number)

    def value(self, field):
        if field.struct:
            present = b"" if not field.is_pointer else b"\1"
            return present + self.struct(field.struct)
        if field.type in SCALARS:
            return SCALARS[field.type]
        if field.type == "string":
            text = field.name.encode()
            return (struct.pack(">h", len(text)) if field.int16_length else self.length(len(text), ">h")) + text
        return self.length(7, ">i") + b"records"

    def field(self, field):
        if field.is_array:
            return self.length(2, ">i") + 2 * self.value(field)
        return self.value(field)

    def struct(self, of):
        present = [f for f in of.plain + of.tagged if f.versions[0] <= self.version <= f.versions[1]]
        data = b"".join(self.field(f) for f in present if f.tag is None)
        if not self.flexible:
            return data
        tagged = [f for f in present if f.tag is not None]
        data += varint(len(tagged) + 1)
        for f in tagged:
            value = self.field(f)
            data += varint(f.tag) + varint(len(value)) + value
        return data + varint(99) + varint(1) + b"?"


def header(message, version):
    flexible = version >= message.flexible
    return struct.pack(">hhih", message.key, version, 17, 4) + b"seed" + (b"\0" if flexible else b"")


def main():
    folder = Path(sys.argv[2])
    for index, message in enumerate(read_messages()):
        target = "request" if message.kind == "request" else "message"
        (folder / target).mkdir(parents=True, exist_ok=True)
        for version in range(message.versions[0], message.versions[1] + 1):
            start = header(message, version) if message.kind == "request" else bytes([index, version])
            body = Encoder(message, version).struct(message.root)
            (folder / target / f"{message.root.name}-{version}").write_bytes(start + body)


if __name__ == "__main__":
    main()
