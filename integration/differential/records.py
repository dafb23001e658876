"""Produce, with every kind of batch; idempotent producers."""

import time

from differential.batches import CODECS, T0, batch, message_set, record, split
from differential.peers import FETCH, INIT_PRODUCER_ID, PRODUCE, Pair
from wire import varint


def produce_body(version, parts, acks=-1, transactional_id=None):
    """parts: [(topic, partition, records)]"""
    topics = []
    for topic, partition, records in parts:
        named = {"topic_id": lambda p, t=topic: p.id(t)} if version >= 13 else {"name": topic}
        topics.append({**named, "partition_data": [{"index": partition, "records": records}]})
    return {"transactional_id": transactional_id, "acks": acks, "timeout_ms": 1000, "topic_data": topics}


def produce(pair, topic, records, version=9, note="", partition=0, **options):
    return pair.call(PRODUCE, version, produce_body(version, [(topic, partition, records)], **options), note)


def produce_versions(pair: Pair):
    pair.create("prod", 2)
    pair.create("lat", 1, message_timestamp_type="LogAppendTime")
    pair.create("comp", 1, cleanup_policy="compact")
    pair.create("small", 1, max_message_bytes="1000")
    pair.create("early", 1, message_timestamp_before_max_ms="1000", message_timestamp_after_max_ms="1000")
    pair.create("gz", 1, compression_type="gzip")
    now = int(time.time() * 1000)
    good = batch()
    cases = {
        "one": ("prod", 0, good),
        "three": ("prod", 0, batch(3)),
        "partition 1": ("prod", 1, good),
        "partition 2": ("prod", 2, good),
        "partition -1": ("prod", -1, good),
        "unknown topic": ("nope", 0, good),
        "invalid topic": ("a/b", 0, good),
        "empty topic": ("", 0, good),
        "no records": ("prod", 0, b""),
        "empty batch": ("prod", 0, batch(0, last=-1)),
        "empty batch, last 0": ("prod", 0, batch(0)),
        "bad CRC": ("prod", 0, batch(crc=1)),
        "magic 0": ("prod", 0, message_set(0)),
        "magic 1": ("prod", 0, message_set(1)),
        "magic 3": ("prod", 0, batch(magic=3)),
        "count too high": ("prod", 0, batch(2, said=3)),
        "count too low": ("prod", 0, batch(2, said=1)),
        "last delta too high": ("prod", 0, batch(2, last=5)),
        "last delta too low": ("prod", 0, batch(2, last=0)),
        "count and delta too high": ("prod", 0, batch(2, last=5, said=6)),
        "count negative": ("prod", 0, batch(2, said=-1)),
        "offsets not consecutive": ("prod", 0, batch(2, records=record(0) + record(5))),
        "offsets backwards": ("prod", 0, batch(2, records=record(1) + record(0))),
        "two batches": ("prod", 0, good + good),
        "trailing bytes": ("prod", 0, good + b"xyz"),
        "trailing bytes in batch": ("prod", 0, batch(records=record() + b"zzz")),
        "size too large": ("prod", 0, batch(size=50)),
        "size too small": ("prod", 0, batch(size=-3)),
        "size zero": ("prod", 0, good[:8] + b"\0\0\0\0" + good[12:]),
        "cut": ("prod", 0, good[:40]),
        "cut in length": ("prod", 0, good[:10]),
        "base offset 7": ("prod", 0, batch(base=7)),
        "epoch 3": ("prod", 0, batch(epoch=3)),
        "control": ("prod", 0, batch(attributes=32, records=record(0, b"\0\0\0\0\0\0", b"\0\0\0\1"))),
        "transactional": ("prod", 0, batch(attributes=16, producer=(0, 0, 0))),
        "transactional without producer": ("prod", 0, batch(attributes=16)),
        "LogAppendTime set": ("prod", 0, batch(attributes=8)),
        "delete horizon set": ("prod", 0, batch(attributes=64)),
        "unused attribute": ("prod", 0, batch(attributes=128)),
        "codec 5": ("prod", 0, batch(attributes=5)),
        "codec 7": ("prod", 0, batch(attributes=7)),
        "timestamp -1": ("prod", 0, batch(timestamp=-1)),
        "timestamp -5": ("prod", 0, batch(timestamp=-5)),
        "timestamp 0": ("prod", 0, batch(timestamp=0)),
        "max timestamp wrong": ("prod", 0, batch(max_timestamp=5)),
        "max timestamp larger": ("prod", 0, batch(max_timestamp=T0 + 99)),
        "max timestamp in the future": ("prod", 0, batch(max_timestamp=now + 10**10)),
        "far future": ("prod", 0, batch(timestamp=now + 10**10)),
        "LogAppendTime": ("lat", 0, good),
        "LogAppendTime, far future": ("lat", 0, batch(timestamp=now + 10**10)),
        "LogAppendTime, LogAppendTime set": ("lat", 0, batch(attributes=8)),
        "LogAppendTime, gzip": ("lat", 0, batch(3, codec="gzip")),
        "compacted": ("comp", 0, good),
        "compacted, no key": ("comp", 0, batch(key=None)),
        "compacted, second without key": ("comp", 0, batch(2, records=record(0) + record(1, key=None))),
        "compacted, empty key": ("comp", 0, batch(key=b"")),
        "compacted, no key, gzip": ("comp", 0, batch(2, key=None, codec="gzip")),
        "compacted, tombstone": ("comp", 0, batch(value=None)),
        "small": ("small", 0, good),
        "too large": ("small", 0, batch(value=b"x" * 1000)),
        "too old": ("early", 0, good),
        "too new": ("early", 0, batch(timestamp=now + 10**9)),
        "too old, gzip": ("early", 0, batch(2, codec="gzip")),
        "second too old": (
            "early",
            0,
            batch(2, timestamp=now, max_timestamp=now, records=record(0) + record(1, time_delta=-(10**9))),
        ),
        "topic's codec": ("gz", 0, batch(3)),
        "topic's codec, from zstd": ("gz", 0, batch(3, codec="zstd")),
        "garbage in gzip": ("prod", 0, batch(2, codec="none", attributes=1)),
        "garbage in zstd": ("prod", 0, batch(2, codec="none", attributes=4)),
        "garbage in gzip, topic's codec": ("gz", 0, batch(2, codec="none", attributes=1)),
        "garbage in gzip, compacted": ("comp", 0, batch(2, codec="none", attributes=1)),
        "wrong count in gzip": ("prod", 0, batch(2, codec="gzip", said=3, last=2)),
        "wrong count in gzip, topic's codec": ("gz", 0, batch(2, codec="gzip", said=3, last=2)),
        "sequence without producer": ("prod", 0, batch(producer=(-1, -1, 5))),
        "producer without sequence": ("prod", 0, batch(producer=(5, 0, -1))),
        "producer without epoch": ("prod", 0, batch(producer=(5, -1, 0))),
        "header": ("prod", 0, batch(records=record(headers=[(b"a", b"1"), (b"a", b"2")]))),
        "negative record length": ("prod", 0, batch(records=varint(-5))),
        "record length too large": ("prod", 0, batch(records=varint(500) + b"xxxxxxx")),
    }
    for codec in CODECS:
        cases[codec] = ("prod", 1, batch(3, codec=codec))
    for version in pair.versions(PRODUCE):
        for note, part in cases.items():
            if version in (4, 5, 6, 10, 11, 12):
                if note not in ("one", "zstd", "bad CRC", "unknown topic", "compacted, no key", "partition 2", "gzip"):
                    continue
            pair.call(PRODUCE, version, produce_body(version, [part]), note)
        for acks in (0, 1, -1, 2, -2, 5):
            seconds = 0.2 if acks == 0 else 2
            for note in ("one", "unknown topic", "bad CRC"):
                pair.call(PRODUCE, version, produce_body(version, [cases[note]], acks), f"{note}, acks {acks}", seconds)
                pair.reconnect()
        pair.call(PRODUCE, version, produce_body(version, []), "no topics")
        named = {"topic_id": lambda p: p.id("prod")} if version >= 13 else {"name": "prod"}
        body = produce_body(version, [])
        pair.call(PRODUCE, version, {**body, "topic_data": [{**named, "partition_data": []}]}, "no partitions")
        pair.reconnect()
        pair.call(
            PRODUCE,
            version,
            produce_body(version, [cases["one"], cases["bad CRC"], cases["partition 1"], cases["unknown topic"]]),
            "mixed",
        )
        pair.call(PRODUCE, version, produce_body(version, [cases["one"], cases["one"]]), "one partition twice")
        pair.reconnect()
        pair.call(
            PRODUCE, version, produce_body(version, [cases["one"]], transactional_id="tx"), "with transactional id"
        )
        pair.reconnect()
        pair.call(
            PRODUCE, version, produce_body(version, [cases["transactional"]], transactional_id="tx"), "transaction"
        )
        pair.reconnect()
    read_back(pair, "prod", 0)
    read_back(pair, "prod", 1)
    read_back(pair, "gz", 0)
    read_back(pair, "comp", 0)


def read_back(pair: Pair, topic, partition):
    answers = []
    for peer in pair.peers():
        found = []
        offset = 0
        while True:
            part = {"partition": partition, "fetch_offset": offset, "partition_max_bytes": 1 << 20}
            body = {"max_wait_ms": 0, "min_bytes": 1, "topics": [{"topic": topic, "partitions": [part]}]}
            answer = peer.call(FETCH, 11, body)["responses"][0]["partitions"][0]
            batches = list(split(answer["records"]))
            if not batches:
                break
            found += batches
            offset = found[-1]["offset"] + found[-1]["last"] + 1
        found.append({"high": answer["high_watermark"]})
        answers.append(found)
    pair.note(f"{topic}-{partition} read back", answers)


def idempotence(pair: Pair):
    pair.create("idem", 2)
    for version in pair.versions(INIT_PRODUCER_ID):
        pair.call(INIT_PRODUCER_ID, version, {"transactional_id": None, "transaction_timeout_ms": 1000}, "plain")
        pair.call(INIT_PRODUCER_ID, version, {"transactional_id": None, "transaction_timeout_ms": -1}, "no timeout")
        pair.call(
            INIT_PRODUCER_ID,
            version,
            {"transactional_id": "", "transaction_timeout_ms": 1000},
            "empty transactional id",
        )
        if version >= 3:
            for pid, epoch in ((5, 0), (5, -1), (-1, 5), (1, 0x7FFF), (-2, -2)):
                body = {
                    "transactional_id": None,
                    "transaction_timeout_ms": 1000,
                    "producer_id": pid,
                    "producer_epoch": epoch,
                }
                pair.call(INIT_PRODUCER_ID, version, body, f"{pid} {epoch}")
    p = (1000, 0)
    steps = [
        ("first", 0, 1, (*p, 0)),
        ("duplicate", 0, 1, (*p, 0)),
        ("next", 0, 3, (*p, 1)),
        ("duplicate of 3", 0, 3, (*p, 1)),
        ("part of duplicate", 0, 1, (*p, 1)),
        ("longer than duplicate", 0, 4, (*p, 1)),
        ("gap", 0, 1, (*p, 9)),
        ("again 4", 0, 1, (*p, 4)),
        ("5", 0, 1, (*p, 5)),
        ("6", 0, 1, (*p, 6)),
        ("7", 0, 1, (*p, 7)),
        ("8", 0, 1, (*p, 8)),
        ("duplicate of fifth", 0, 1, (*p, 4)),
        ("forgotten duplicate", 0, 3, (*p, 1)),
        ("forgotten first", 0, 1, (*p, 0)),
        ("new epoch, wrong start", 0, 1, (1000, 1, 9)),
        ("new epoch", 0, 1, (1000, 1, 0)),
        ("stale epoch", 0, 1, (1000, 0, 9)),
        ("epoch jump", 0, 1, (1000, 7, 0)),
        ("unknown producer in the middle", 1, 1, (1001, 0, 77)),
        ("next of it", 1, 1, (1001, 0, 78)),
        ("its gap", 1, 1, (1001, 0, 80)),
        ("unknown with epoch", 1, 1, (1002, 5, 3)),
        ("its old epoch", 1, 1, (1002, 4, 0)),
        ("near the end", 1, 2, (1003, 0, 2**31 - 2)),
        ("wrapped", 1, 1, (1003, 0, 0)),
        ("after the wrap", 1, 1, (1003, 0, 1)),
        ("over the end", 1, 4, (1004, 0, 2**31 - 2)),
        ("after over the end", 1, 1, (1004, 0, 2)),
        ("duplicate over the end", 1, 4, (1004, 0, 2**31 - 2)),
        ("at the end", 1, 1, (1005, 0, 2**31 - 1)),
        ("after the end", 1, 1, (1005, 0, 0)),
        ("sequence -2", 1, 1, (1006, 0, -2)),
        ("producer -5", 1, 1, (-5, 0, 0)),
        ("epoch max", 1, 1, (1007, 32767, 0)),
        ("epoch max next", 1, 1, (1007, 32767, 1)),
    ]
    for note, partition, count, producer in steps:
        produce(pair, "idem", batch(count, producer=producer), note=note, partition=partition)
    for version in (3, 7, 8, 13):
        for note, producer in (("gap", (1000, 7, 9)), ("stale", (1000, 0, 0)), ("duplicate", (1000, 7, 0))):
            produce(pair, "idem", batch(producer=producer), version, note)
    two = batch(producer=(1000, 7, 1)) + batch(producer=(1000, 7, 2))
    produce(pair, "idem", two, note="two batches")
    for acks in (0, 1):
        pair.call(
            PRODUCE, 9, produce_body(9, [("idem", 0, batch(producer=(1000, 7, 50)))], acks), f"gap, acks {acks}", 0.3
        )
        pair.reconnect()
    read_back(pair, "idem", 0)
    read_back(pair, "idem", 1)
