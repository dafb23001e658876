"""Deleting records."""

from differential.batches import T0, batch
from differential.peers import DELETE_RECORDS, EPOCHS, FETCH, LIST_OFFSETS, Pair
from differential.records import produce


def delete_records(pair: Pair):
    pair.create("del-a", 2)
    pair.create("del-b")
    pair.create("del-compact", 1, cleanup_policy="compact")
    pair.create("del-both", 1, cleanup_policy="compact,delete")
    for _ in range(10):
        produce(pair, "del-a", batch(3, timestamp=T0), note="to be deleted")
        produce(pair, "del-b", batch(3, timestamp=T0), note="to be deleted")
    produce(pair, "del-both", batch(3), note="to be deleted")

    def ask(version, note, *topics):
        named = [
            {"name": name, "partitions": [{"partition_index": p, "offset": o} for p, o in partitions]}
            for name, partitions in topics
        ]
        pair.call(DELETE_RECORDS, version, {"topics": named, "timeout_ms": 5000}, note, seconds=8)

    def look(version):
        for moment in (-2, -1, T0):
            asked = {"partition_index": 0, "timestamp": moment}
            body = {"replica_id": -1, "topics": [{"name": "del-a", "partitions": [asked]}]}
            pair.call(LIST_OFFSETS, 2, body, f"after deletions of v{version}")
        for offset in (0, 3 * version + 1, 3 * version + 2, 30):
            part = {"partition": 0, "fetch_offset": offset, "partition_max_bytes": 100000}
            body = {"max_wait_ms": 0, "max_bytes": 100000, "topics": [{"topic": "del-a", "partitions": [part]}]}
            pair.call(FETCH, 7, body, f"at {offset} after deletions of v{version}")
        epoch = {"partition": 0, "current_leader_epoch": -1, "leader_epoch": 0}
        pair.call(EPOCHS, 2, {"topics": [{"topic": "del-a", "partitions": [epoch]}]}, f"after deletions of v{version}")

    for version in pair.versions(DELETE_RECORDS):
        ask(version, "inside of a batch", ("del-a", [(0, 3 * version + 2)]))
        look(version)
        ask(version, "below the start", ("del-a", [(0, 1)]))
        ask(version, "at the start of an empty one", ("del-a", [(1, 0)]))
        ask(version, "the high watermark of an empty one", ("del-a", [(1, -1)]))
        ask(version, "past the end", ("del-a", [(0, 31), (1, 1)]))
        ask(version, "below -1", ("del-a", [(0, -2)]))
        ask(version, "unknown", ("del-a", [(2, 0), (-1, 0)]), ("del-nope", [(0, 0)]))
        ask(version, "without delete in the policy", ("del-compact", [(0, 0)]))
        ask(version, "one partition twice", ("del-compact", [(0, 0), (0, -1)]))
        ask(version, "with both in the policy", ("del-both", [(0, version + 1)]))
        ask(version, "two topics", ("del-a", [(0, 3 * version + 4), (1, 0)]), ("del-b", [(0, 3 * version + 4)]))
        ask(version, "good and bad", ("del-a", [(0, 3 * version + 5), (7, 1)]), ("del-b", [(0, 99)]))
        ask(version, "no topics")
        ask(version, "no partitions", ("del-a", []))
    ask(2, "all", ("del-a", [(0, -1)]), ("del-b", [(0, 30)]))
    produce(pair, "del-a", batch(2, timestamp=T0), note="after all were deleted")
    look(9)
