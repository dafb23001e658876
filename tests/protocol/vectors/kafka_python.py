#!/usr/bin/env python3
"""Writes kafka-python-CODEC.bin: see README. Needs kafka-python, python-snappy, lz4 and zstandard."""
import pathlib

from kafka.record.default_records import DefaultRecordBatchBuilder

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
BASE = 1_700_000_000_000
RECORDS = [
    (0, b"key-0", b"value-0", []),
    (1000, None, b"only a value", []),
    (2000, b"tombstone", None, []),
    (3000, b"", b"", []),
    (4000, b"headers", b"v", [("a", b"1"), ("", None), ("a", b"\x00\xff")]),
    (-500, b"back", b"in time", []),
    (5000, b"long", bytes(i % 251 for i in range(3000)), []),
]

for number, codec in enumerate(CODECS):
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=number, is_transactional=True, producer_id=4242, producer_epoch=7,
        base_sequence=100, batch_size=1 << 20)
    for offset, (delta, key, value, headers) in enumerate(RECORDS):
        assert builder.append(offset, BASE + delta, key, value, headers)
    pathlib.Path(__file__).with_name(f"kafka-python-{codec}.bin").write_bytes(bytes(builder.build()))
