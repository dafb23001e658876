"""Fetch and its sessions."""

import time

from differential.batches import batch
from differential.messages import NO_UUID
from differential.peers import DELETE_TOPICS, FETCH, Pair, UNKNOWN_ID
from differential.records import produce


def part(partition=0, offset=0, size=1 << 20, **more):
    return {"partition": partition, "fetch_offset": offset, "partition_max_bytes": size, **more}


def fetch_body(version, topics, forgotten=(), **more):
    """topics: [(name, [part])]"""

    def named(topic):
        return {"topic_id": lambda p: p.id(topic)} if version >= 13 else {"topic": topic}

    body = {
        "max_wait_ms": 0,
        "min_bytes": 1,
        "topics": [{**named(t), "partitions": parts} for t, parts in topics],
        **more,
    }
    if forgotten:
        body["forgotten_topics_data"] = [{**named(t), "partitions": list(parts)} for t, parts in forgotten]
    return body


def fetch(pair: Pair):
    pair.create("read", 3)
    pair.create("empty", 1)
    for _ in range(4):
        produce(pair, "read", batch(3, value=b"x" * 100))
    produce(pair, "read", batch(2), partition=1)
    for version in pair.versions(FETCH):

        def ask(note, topics, version=version, seconds=2, **more):
            pair.call(FETCH, version, fetch_body(version, topics, **more), note, seconds)

        r = "read"
        ask("from the start", [(r, [part()])])
        ask("in the middle", [(r, [part(offset=4)])])
        ask("at the end", [(r, [part(offset=12)])])
        ask("beyond the end", [(r, [part(offset=13)])])
        ask("far beyond", [(r, [part(offset=2**60)])])
        ask("negative", [(r, [part(offset=-1)])])
        ask("unknown partition", [(r, [part(9)])])
        ask("negative partition", [(r, [part(-1)])])
        ask("unknown topic", [("nope", [part()])])
        ask("invalid topic", [("a/b", [part()])])
        ask("no topics", [])
        ask("no partitions", [(r, [])])
        ask("two partitions", [(r, [part(), part(1)])])
        ask("three partitions, one unknown", [(r, [part(1), part(7), part(0)])])
        ask("a partition twice", [(r, [part(), part(offset=3)])])
        ask("empty", [("empty", [part()])])
        ask("partition bytes 0", [(r, [part(size=0)])])
        ask("partition bytes 1", [(r, [part(size=1)])])
        ask("partition bytes negative", [(r, [part(size=-1)])])
        ask("partition bytes cut", [(r, [part(size=500)])])
        ask("max bytes 0", [(r, [part(), part(1)])], max_bytes=0)
        ask("max bytes 1", [(r, [part(), part(1)])], max_bytes=1)
        ask("max bytes negative", [(r, [part(), part(1)])], max_bytes=-1)
        ask("max bytes cut", [(r, [part(), part(1)])], max_bytes=1700)
        ask("max bytes cut in the second", [(r, [part(1), part(0)])], max_bytes=600)
        ask("first partition empty, max bytes 1", [("empty", [part()]), (r, [part()])], max_bytes=1)
        ask("min bytes 0, waits", [(r, [part(offset=12)])], max_wait_ms=100, min_bytes=0)
        ask("min bytes, waits", [(r, [part()])], max_wait_ms=100, min_bytes=100000)
        ask("min bytes negative", [(r, [part(offset=12)])], max_wait_ms=100, min_bytes=-1)
        ask("wait negative", [(r, [part(offset=12)])], max_wait_ms=-1)
        ask("committed", [(r, [part()])], isolation_level=1)
        ask("committed, in the middle", [(r, [part(offset=7)])], isolation_level=1)
        ask("committed, error", [(r, [part(9)]), ("empty", [part()])], isolation_level=1)
        ask("isolation 2", [(r, [part()])], isolation_level=2)
        ask("isolation -1", [(r, [part()])], isolation_level=-1)
        if version <= 14:
            for replica in (0, 1, 5, -2, -3):
                ask(f"replica {replica}", [(r, [part()])], replica_id=replica)
        else:
            for replica in (0, 1, 5, -2, -3):
                ask(f"replica {replica}", [(r, [part()])], replica_state={"replica_id": replica, "replica_epoch": -1})
        if version >= 5:
            ask("log start offset", [(r, [part(log_start_offset=4)])])
        if version >= 9:
            for epoch in (0, 1, -2, 100):
                ask(f"leader epoch {epoch}", [(r, [part(current_leader_epoch=epoch)])])
                ask(f"leader epoch {epoch}, out of range", [(r, [part(offset=99, current_leader_epoch=epoch)])])
        if version >= 12:
            for epoch in (0, 1, -2, 100):
                ask(f"last fetched epoch {epoch}", [(r, [part(offset=5, last_fetched_epoch=epoch)])])
                ask(f"last fetched epoch {epoch}, beyond", [(r, [part(offset=50, last_fetched_epoch=epoch)])])
                ask(
                    f"last fetched epoch {epoch}, committed",
                    [(r, [part(offset=5, last_fetched_epoch=epoch)])],
                    isolation_level=1,
                )
            ask("cluster id", [(r, [part()])], cluster_id="other")
        if version >= 13:
            body = fetch_body(version, [])
            for note, id_ in (("zero id", NO_UUID), ("unknown id", UNKNOWN_ID)):
                pair.call(FETCH, version, {**body, "topics": [{"topic_id": id_, "partitions": [part()]}]}, note)
            topics = [
                {"topic_id": UNKNOWN_ID, "partitions": [part()]},
                {"topic_id": lambda p: p.id(r), "partitions": [part()]},
            ]
            pair.call(FETCH, version, {**body, "topics": topics}, "unknown id and good")
        if version >= 11:
            ask("rack", [(r, [part()])], rack_id="r1")
        pair.reconnect()


def sessions(pair: Pair):
    pair.create("sess", 3)
    pair.create("sess2", 1)
    pair.create("gone", 1)
    produce(pair, "sess", batch(3), note="setup")

    for version in range(7, 19):
        current = {}

        def ask(note, topics=(), forgotten=(), session=None, epoch=0, version=version, **more):
            def session_id(peer):
                if session is not None:
                    return session
                return current.get(peer, 0)

            body = fetch_body(version, topics, forgotten, session_id=session_id, session_epoch=epoch, **more)
            answers = pair.call(FETCH, version, body, note)
            return answers

        def begin(*topics):
            current.clear()
            answers = ask("begin", topics, session=0, epoch=0)
            for peer, answer in zip(pair.peers(), answers):
                current[peer] = answer["session_id"] if isinstance(answer, dict) else 0

        s = "sess"
        begin((s, [part(0), part(1)]), ("sess2", [part(0)]))
        ask("incremental, same", epoch=1)
        ask("incremental, nothing new", [(s, [part(0, offset=3)])], epoch=2)
        ask("nothing", epoch=3)
        produce(pair, "sess", batch(1), note="between", partition=1)
        ask("after a produce", epoch=4)
        ask("after it was read", [(s, [part(1, offset=99999)])], epoch=5)
        ask("error stays", epoch=6)
        ask("add", [(s, [part(2)])], epoch=7)
        ask("forget", [], [(s, [0, 2])], epoch=8)
        ask("after forget", epoch=9)
        ask("forget what is not there", [], [(s, [9]), ("nope", [0])], epoch=10)
        ask("add unknown", [("nope", [part(0)]), (s, [part(17)])], epoch=11)
        ask("unknown stays", epoch=12)
        ask("forget and add the same", [(s, [part(0)])], [(s, [0])], epoch=13)
        ask("bad epoch", epoch=99)
        ask("old epoch", epoch=13)
        ask("right epoch after bad", epoch=14)
        ask("epoch negative", epoch=-5)
        ask("unknown session", session=12345, epoch=1)
        ask("unknown session, epoch 0", [(s, [part(0)])], session=12345, epoch=0)
        ask("unknown session, epoch -1", [(s, [part(0)])], session=12345, epoch=-1)
        ask("session 0, epoch 5", [(s, [part(0)])], session=0, epoch=5)
        ask("session 0, epoch -1", [(s, [part(0)])], session=0, epoch=-1)
        ask("session -1, epoch 1", [(s, [part(0)])], session=-1, epoch=1)
        ask("final", [(s, [part(0)])], epoch=-1)
        ask("after final", epoch=15)
        begin((s, [part(0)]))
        ask("epoch 0 replaces", [(s, [part(0)])], epoch=0)
        ask("replaced is gone", epoch=1)
        begin()
        ask("empty session, next", epoch=1)
        ask("empty full, epoch -1", session=0, epoch=-1)
        begin(("nope", [part(0)]))
        ask("unknown topic, next", epoch=1)
        begin((s, [part(0), part(9)]))
        ask("unknown partition, next", epoch=1)
        begin((s, [part(1, offset=77777)]))
        ask("out of range, next", epoch=1)
        begin((s, [part(0, current_leader_epoch=9)] if version >= 9 else [part(0)]))
        ask("too new epoch, next", epoch=1)
        if version >= 13:
            begin((s, [part(0)]))
            pair.call(
                FETCH,
                12,
                fetch_body(12, [], session_id=lambda p: current.get(p, 0), session_epoch=1),
                "ids, then names",
            )
            begin((s, [part(0)]))
            zero = {"topics": [{"topic_id": NO_UUID, "partitions": [part(0)]}]}
            pair.call(
                FETCH,
                version,
                {**fetch_body(version, [], session_id=lambda p: current.get(p, 0), session_epoch=1), **zero},
                "zero id",
            )
        elif version == 12:
            begin((s, [part(0)]))
            pair.call(
                FETCH,
                13,
                fetch_body(13, [], session_id=lambda p: current.get(p, 0), session_epoch=1),
                "names, then ids",
            )
        pair.reconnect()
        name = f"gone{version}"
        pair.create(name)
        begin((name, [part(0)]))
        pair.call(DELETE_TOPICS, 6, {"topics": [{"name": name}], "timeout_ms": 5000}, "between")
        time.sleep(0.3)
        ask("deleted", epoch=1)
        pair.create(name)
        ask("made again", epoch=2)
        ask("made again, again", epoch=3)
        pair.reconnect()
