"""Topics made, deleted and grown."""

import time

from differential.peers import CREATE_PARTITIONS, CREATE_TOPICS, DELETE_TOPICS, METADATA, Pair, UNKNOWN_ID


def topic_body(name, partitions=1, factor=1, assignments=(), configs=()):
    return {
        "name": name,
        "num_partitions": partitions,
        "replication_factor": factor,
        "assignments": [{"partition_index": i, "broker_ids": list(b)} for i, b in assignments],
        "configs": [{"name": n, "value": v} for n, v in configs],
    }


def create_topics(pair: Pair):
    pair.create("there")
    number = 0
    for version in pair.versions(CREATE_TOPICS):
        fresh = f"fresh{version}"
        cases = {
            "plain": [topic_body(f"c{version}-plain")],
            "defaults": [topic_body(f"c{version}-defaults", -1, -1)],
            "exists": [topic_body("there")],
            "exists with bad count": [topic_body("there", 0)],
            "duplicate": [topic_body(f"{fresh}-dup"), topic_body(f"{fresh}-dup")],
            "duplicate and good": [topic_body(f"{fresh}-d"), topic_body(f"c{version}-g"), topic_body(f"{fresh}-d")],
            "no partitions": [topic_body(fresh, 0)],
            "negative partitions": [topic_body(fresh, -2)],
            "factor 0": [topic_body(fresh, 1, 0)],
            "factor 2": [topic_body(fresh, 1, 2)],
            "factor -2": [topic_body(fresh, 1, -2)],
            "bad count and factor": [topic_body(fresh, 0, 0)],
            "no topics": [],
            "empty name": [topic_body("")],
            "dots": [topic_body(".."), topic_body(".")],
            "bad name": [topic_body("a b"), topic_body("a/b"), topic_body("ä")],
            "long name": [topic_body("a" * 250)],
            "longest name": [topic_body(("a" * 248) + str(version))],
            "collision": [topic_body(f"c{version}_x")],
            "collision with dot": [topic_body(f"c{version}.x")],
            "assigned": [topic_body(f"c{version}-assigned", -1, -1, [(0, [1]), (1, [1])])],
            "assigned and count": [topic_body(fresh, 2, -1, [(0, [1]), (1, [1])])],
            "assigned and factor": [topic_body(fresh, -1, 1, [(0, [1])])],
            "assigned elsewhere": [topic_body(fresh, -1, -1, [(0, [7])])],
            "assigned twice": [topic_body(fresh, -1, -1, [(0, [1, 1])])],
            "assigned to nobody": [topic_body(fresh, -1, -1, [(0, [])])],
            "assigned with gap": [topic_body(fresh, -1, -1, [(0, [1]), (2, [1])])],
            "assigned from 1": [topic_body(fresh, -1, -1, [(1, [1])])],
            "assigned negative": [topic_body(fresh, -1, -1, [(-1, [1])])],
            "assigned one partition twice": [topic_body(fresh, -1, -1, [(0, [1]), (0, [1])])],
            "assigned uneven": [topic_body(fresh, -1, -1, [(0, [1]), (1, [1, 7])])],
            "assigned negative broker": [topic_body(fresh, -1, -1, [(0, [-1])])],
            "configured": [
                topic_body(f"c{version}-conf", 1, 1, (), [("retention.ms", "1000"), ("cleanup.policy", "compact")])
            ],
            "unknown config": [topic_body(fresh, 1, 1, (), [("nonsense", "1")])],
            "null config": [topic_body(fresh, 1, 1, (), [("retention.ms", None)])],
            "null configs": [topic_body(fresh, 1, 1, (), [("retention.ms", None), ("segment.ms", None)])],
            "config not a number": [topic_body(fresh, 1, 1, (), [("retention.ms", "x")])],
            "config too small": [topic_body(fresh, 1, 1, (), [("segment.bytes", "1")])],
            "config not in list": [topic_body(fresh, 1, 1, (), [("cleanup.policy", "x")])],
            "config twice": [topic_body(f"c{version}-twice", 1, 1, (), [("retention.ms", "5"), ("retention.ms", "6")])],
            "config not text": [topic_body(fresh, 1, 1, (), [("compression.type", "x")])],
            "config not bool": [topic_body(fresh, 1, 1, (), [("preallocate", "x")])],
            "config with blanks": [
                topic_body(f"c{version}-blanks", 1, 1, (), [("retention.ms", " 7 "), ("preallocate", " TRUE ")])
            ],
            "empty policy": [topic_body(f"c{version}-nopolicy", 1, 1, (), [("cleanup.policy", "")])],
            "both policies": [topic_body(f"c{version}-both", 1, 1, (), [("cleanup.policy", "compact, delete")])],
            "remote": [topic_body(fresh, 1, 1, (), [("remote.storage.enable", "true")])],
            "min insync 2": [topic_body(f"c{version}-isr", 1, 1, (), [("min.insync.replicas", "2")])],
            "max lag": [topic_body(fresh, 1, 1, (), [("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")])],
            "local retention": [topic_body(fresh, 1, 1, (), [("local.retention.ms", "10"), ("retention.ms", "5")])],
            "throttled": [topic_body(f"c{version}-thr", 1, 1, (), [("leader.replication.throttled.replicas", "*")])],
        }
        for note, topics in cases.items():
            number += 1
            only_check = {"topics": topics, "timeout_ms": 5000, "validate_only": True}
            pair.call(CREATE_TOPICS, version, only_check, note + ", validate only")
            pair.call(CREATE_TOPICS, version, {**only_check, "validate_only": False}, note)
    pair.create("u_v")
    pair.call(CREATE_TOPICS, 7, {"topics": [topic_body("u.v")]}, "collision")
    pair.call(CREATE_TOPICS, 7, {"topics": [topic_body("u_v")]}, "exists")
    pair.call(CREATE_TOPICS, 7, {"topics": [topic_body("timeout0")], "timeout_ms": 0}, "timeout 0", quiet=True)


def delete_topics(pair: Pair):
    for version in pair.versions(DELETE_TOPICS):
        pair.create(f"del{version}")
        pair.create(f"del{version}b")
        by_name = (
            (lambda *n: {"topics": [{"name": x} for x in n]}) if version >= 6 else (lambda *n: {"topic_names": list(n)})
        )
        for note, names in {
            "plain": [f"del{version}"],
            "again": [f"del{version}"],
            "none": [],
            "invalid": ["a/b"],
            "empty": [""],
            "twice": [f"del{version}b", f"del{version}b"],
            "twice unknown": ["nope", "nope"],
            "mixed": ["nope", f"del{version}b"],
        }.items():
            pair.call(DELETE_TOPICS, version, {**by_name(*names), "timeout_ms": 5000}, note)
    pair.create("byid")
    pair.create("byid2")
    for note, topics in {
        "id": [{"name": None, "topic_id": lambda p: p.id("byid")}],
        "id again": [{"name": None, "topic_id": lambda p: p.id("byid")}],
        "unknown id": [{"name": None, "topic_id": UNKNOWN_ID}],
        "neither": [{"name": None}],
        "both": [{"name": "byid2", "topic_id": lambda p: p.id("byid2")}],
        "id twice": [{"name": None, "topic_id": lambda p: p.id("byid2")}] * 2,
        "id and name": [{"name": None, "topic_id": lambda p: p.id("byid2")}, {"name": "byid2"}],
        "unknown id twice": [{"name": None, "topic_id": UNKNOWN_ID}] * 2,
    }.items():
        pair.call(DELETE_TOPICS, 6, {"topics": topics, "timeout_ms": 5000}, note)


def create_partitions(pair: Pair):
    for version in pair.versions(CREATE_PARTITIONS):
        topic = f"grow{version}"
        pair.create(topic, 2)
        for note, topics in {
            "more": [(topic, 3, None)],
            "same": [(topic, 3, None)],
            "fewer": [(topic, 1, None)],
            "zero": [(topic, 0, None)],
            "negative": [(topic, -1, None)],
            "unknown": [("nope", 3, None)],
            "invalid name": [("a/b", 3, None)],
            "twice": [(topic, 4, None), (topic, 5, None)],
            "twice and good": [(topic, 4, None), ("nope", 3, None), (topic, 5, None)],
            "none": [],
            "empty assignments": [(topic, 4, [])],
            "assigned": [(topic, 5, [[1]])],
            "too many assignments": [(topic, 6, [[1], [1]])],
            "too few assignments": [(topic, 8, [[1]])],
            "elsewhere": [(topic, 6, [[9]])],
            "twice the broker": [(topic, 6, [[1, 1]])],
            "two brokers": [(topic, 6, [[1, 9]])],
            "nobody": [(topic, 6, [[]])],
        }.items():
            items = [
                {"name": n, "count": c, "assignments": None if a is None else [{"broker_ids": b} for b in a]}
                for n, c, a in topics
            ]
            body = {"topics": items, "timeout_ms": 5000, "validate_only": True}
            pair.call(CREATE_PARTITIONS, version, body, note + ", validate only")
            pair.call(CREATE_PARTITIONS, version, {**body, "validate_only": False}, note)
        for peer in pair.peers():
            peer.learn_ids()
        time.sleep(0.3)
        pair.call(METADATA, 12, {"topics": [{"name": topic}]}, "afterwards")
