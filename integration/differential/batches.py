"""Record batches, right ones and all kinds of wrong ones."""

import gzip
import struct
import zlib

import cramjam
import lz4.frame
import zstandard
from crc32c import crc32c

from wire import varint

T0 = 1_600_000_000_000
CODECS = {
    "none": (0, bytes),
    "gzip": (1, gzip.compress),
    "snappy": (2, lambda data: bytes(cramjam.snappy.compress_raw(data))),
    "lz4": (3, lz4.frame.compress),
    "zstd": (4, zstandard.compress),
}


def record(offset=0, value=b"v", key=b"k", time_delta=0, headers=()):
    body = b"\0" + varint(time_delta) + varint(offset)
    for part in (key, value):
        body += varint(-1) if part is None else varint(len(part)) + part
    body += varint(len(headers)) + b"".join(varint(len(n)) + n + varint(len(v)) + v for n, v in headers)
    return varint(len(body)) + body


def batch(
    count=1,
    *,
    records=None,
    codec="none",
    attributes=0,
    timestamp=T0,
    max_timestamp=None,
    producer=(-1, -1, -1),
    magic=2,
    crc=0,
    base=0,
    epoch=-1,
    said=None,
    last=None,
    key=b"k",
    value=b"v",
    size=0,
    extra=b"",
):
    number, compress = CODECS[codec]
    if records is None:
        records = b"".join(record(i, value, key, i) for i in range(count))
    highest = (timestamp + max(count - 1, 0)) if max_timestamp is None else max_timestamp
    last = max(count - 1, 0) if last is None else last
    covered = struct.pack(
        ">hiqqqhii", attributes | number, last, timestamp, highest, *producer, count if said is None else said
    )
    covered += compress(records) if count or records else b""
    return struct.pack(">qiibI", base, len(covered) + 9 + size, epoch, magic, crc32c(covered) ^ crc) + covered + extra


def message_set(magic):
    body = (
        struct.pack(">bb", magic, 0)
        + (struct.pack(">q", T0) if magic else b"")
        + struct.pack(">i", 1)
        + b"k"
        + struct.pack(">i", 1)
        + b"v"
    )
    return struct.pack(">qiI", 0, len(body) + 4, zlib.crc32(body)) + body


def split(records: bytes):
    while len(records) >= 61:
        base, size, epoch, magic, crc, attributes, last, first_time, last_time, pid, pe, seq, count = (
            struct.unpack_from(">qiibIhiqqqhii", records)
        )
        if size + 12 > len(records):
            return
        body = records[61 : 12 + size]
        compressed = attributes & 7
        yield {
            "offset": base,
            "epoch": epoch,
            "attributes": attributes,
            "last": last,
            "first_time": first_time,
            "last_time": last_time,
            "producer": [pid, pe, seq],
            "count": count,
            "body": ("compressed" if compressed else body),
        }
        records = records[12 + size :]
