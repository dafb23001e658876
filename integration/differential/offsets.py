"""Offsets by timestamp and by leader epoch."""

from differential.batches import T0, batch
from differential.peers import EPOCHS, LIST_OFFSETS, Pair
from differential.records import produce


def list_offsets(pair: Pair):
    pair.create("lo", 2)
    pair.create("lo-empty")
    for i in range(4):
        produce(pair, "lo", batch(3, timestamp=T0 + 1000 * i))
    produce(pair, "lo", batch(2, timestamp=T0 - 500, codec="gzip"))
    produce(pair, "lo", batch(3, timestamp=T0 + 2000, codec="zstd"))
    moments = [
        -1,
        -2,
        -3,
        -4,
        -5,
        -6,
        -7,
        -100,
        0,
        1,
        T0 - 501,
        T0 - 500,
        T0 - 499,
        T0 - 1,
        T0,
        T0 + 1,
        T0 + 2,
        T0 + 3,
        T0 + 999,
        T0 + 1000,
        T0 + 1001,
        T0 + 2001,
        T0 + 3000,
        T0 + 3002,
        T0 + 3003,
        2**62,
    ]
    for version in pair.versions(LIST_OFFSETS):
        for isolation in (0, 1, 2) if version >= 2 else (0,):
            for moment in moments:
                for topic, partition in (("lo", 0), ("lo", 1)) if isolation == 0 else (("lo", 0),):
                    asked = {"partition_index": partition, "timestamp": moment}
                    body = {"replica_id": -1, "topics": [{"name": topic, "partitions": [asked]}]}
                    if version >= 2:
                        body["isolation_level"] = isolation
                    pair.call(
                        LIST_OFFSETS,
                        version,
                        body,
                        f"{topic}-{partition} at {moment if abs(moment) < 9 else moment - T0}, isolation {isolation}",
                    )

        def ask(note, parts, topic="lo", replica=-1, version=version):
            body = {"replica_id": replica, "topics": [{"name": topic, "partitions": parts}]}
            pair.call(LIST_OFFSETS, version, body, note)

        latest = {"partition_index": 0, "timestamp": -1}
        ask("unknown topic", [latest], "nope")
        ask("invalid topic", [latest], "a/b")
        ask("unknown partition", [{**latest, "partition_index": 5}])
        ask("negative partition", [{**latest, "partition_index": -5}])
        ask("twice", [latest, {**latest, "timestamp": -2}])
        ask("none", [])
        for replica in (0, 1, -2, -3, 7):
            ask(f"replica {replica}", [latest], replica=replica)
            ask(f"replica {replica}, unknown", [{**latest, "partition_index": 5}], replica=replica)
        pair.call(LIST_OFFSETS, version, {"replica_id": -1, "topics": []}, "no topics")
        two = [{"name": "lo", "partitions": [latest]}, {"name": "lo", "partitions": [{**latest, "partition_index": 1}]}]
        pair.call(LIST_OFFSETS, version, {"replica_id": -1, "topics": two}, "a topic twice")
        if version >= 4:
            for epoch in (-2, 0, 1, 9):
                for moment in (-1, -2, T0):
                    ask(f"epoch {epoch} at {moment}", [{**latest, "timestamp": moment, "current_leader_epoch": epoch}])


def leader_epochs(pair: Pair):
    pair.create("ep", 2)
    produce(pair, "ep", batch(3))
    for version in pair.versions(EPOCHS):
        for current in (-1, 0, 1, -2):
            for epoch in (-2, -1, 0, 1, 5):
                for partition in (0, 1, 9):
                    asked = {"partition": partition, "current_leader_epoch": current, "leader_epoch": epoch}
                    body = {"topics": [{"topic": "ep", "partitions": [asked]}]}
                    pair.call(EPOCHS, version, body, f"current {current}, epoch {epoch}, partition {partition}")
        asked = {"partition": 0, "leader_epoch": 0}
        pair.call(EPOCHS, version, {"topics": [{"topic": "nope", "partitions": [asked]}]}, "unknown topic")
        pair.call(EPOCHS, version, {"topics": [{"topic": "a/b", "partitions": [asked]}]}, "invalid topic")
        pair.call(EPOCHS, version, {"topics": [{"topic": "ep", "partitions": [asked, asked]}]}, "twice")
        pair.call(EPOCHS, version, {"topics": []}, "none")
        if version >= 3:
            for replica in (-1, 0, 1, 7):
                pair.call(
                    EPOCHS,
                    version,
                    {"replica_id": replica, "topics": [{"topic": "ep", "partitions": [asked]}]},
                    f"replica {replica}",
                )
