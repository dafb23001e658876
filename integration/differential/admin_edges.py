"""What tools and odd clients ask of a cluster's administration."""

from differential.peers import (
    CREATE_PARTITIONS,
    CREATE_TOPICS,
    DELETE_RECORDS,
    DELETE_TOPICS,
    DESCRIBE_LOG_DIRS,
    DESCRIBE_TOPIC_PARTITIONS,
    INIT_PRODUCER_ID,
    Pair,
)
from differential.groups import wait_for_coordinators
from differential.one_node import ELECT, MOVE_LOG_DIRS, PRODUCERS, QUORUM, REASSIGN, REASSIGNMENTS
from differential.topics import topic_body
from differential.transactions import find_coordinators, settled

DESCRIBE_TRANSACTIONS, LIST_TRANSACTIONS = 65, 66


def odd_elections(pair: Pair) -> None:
    pair.create("elected-odd", 2)

    def ask(note: str, kind: int = 0, **more) -> None:
        pair.every(ELECT, {"election_type": kind, "topic_partitions": None, **more}, note)

    for kind in (2, -1):
        ask(f"type {kind}", kind)
        ask(f"type {kind} of one", kind, topic_partitions=[{"topic": "elected-odd", "partitions": [0]}])
    for timeout in (0, -1, 2**31 - 1):
        ask(f"timeout {timeout}", topic_partitions=[{"topic": "elected-odd", "partitions": [0]}], timeout_ms=timeout)
    for note, topics in {
        "negative partition": [{"topic": "elected-odd", "partitions": [-1]}],
        "no partitions": [{"topic": "elected-odd", "partitions": []}],
        "a topic without a name": [{"topic": "", "partitions": [0]}],
        "an invalid topic": [{"topic": "a/b", "partitions": [0]}],
        "a partition two times": [{"topic": "elected-odd", "partitions": [0, 0]}],
    }.items():
        ask(note, topic_partitions=topics)


def odd_reassignments(pair: Pair) -> None:
    pair.create("moved-odd", 2)
    one = {"partition_index": 0, "replicas": [1]}
    for note, topics in {
        "negative replica": [{"name": "moved-odd", "partitions": [{**one, "replicas": [-1]}]}],
        "here and elsewhere": [{"name": "moved-odd", "partitions": [{**one, "replicas": [1, 9]}]}],
        "negative partition": [{"name": "moved-odd", "partitions": [{**one, "partition_index": -1}]}],
        "no partitions": [{"name": "moved-odd", "partitions": []}],
        "a topic without a name": [{"name": "", "partitions": [one]}],
        "one right": [{"name": "moved-odd", "partitions": [one, {"partition_index": 1, "replicas": [7]}]}],
    }.items():
        pair.every(REASSIGN, {"topics": topics}, note)
    named = [{"name": "moved-odd", "partitions": [one]}]
    for timeout in (0, -1):
        pair.every(REASSIGN, {"topics": named, "timeout_ms": timeout}, f"timeout {timeout}")
        pair.every(REASSIGNMENTS, {"topics": None, "timeout_ms": timeout}, f"timeout {timeout}")
    pair.call(REASSIGN, 1, {"topics": named, "allow_replication_factor_change": False}, "the same factor")
    more = [{"name": "moved-odd", "partitions": [{**one, "replicas": [1, 9]}]}]
    pair.call(REASSIGN, 1, {"topics": more, "allow_replication_factor_change": False}, "another factor")
    for note, topics in {
        "unknown": [{"name": "nope", "partition_indexes": [0]}],
        "nothing": [],
        "no partitions": [{"name": "moved-odd", "partition_indexes": []}],
        "negative": [{"name": "moved-odd", "partition_indexes": [-1]}],
        "a topic without a name": [{"name": "", "partition_indexes": [0]}],
    }.items():
        pair.every(REASSIGNMENTS, {"topics": topics}, note)


def odd_topics(pair: Pair) -> None:
    """Timeouts, and topics of the server's own."""
    wait_for_coordinators(pair)
    own = "__consumer_offsets"
    pair.create("kept-odd")
    for version in pair.versions(CREATE_TOPICS):
        for note, topic in {
            "dot": topic_body("."), "dots": topic_body(".."), "249 long": topic_body("n" * 249 if version == 7 else "."),
            "250 long": topic_body("n" * 250), "blank": topic_body(" "), "its own": topic_body(own, 1),
            "colliding": topic_body("kept.odd"), "partitions 0": topic_body("odd-p", 0),
            "partitions -2": topic_body("odd-p", -2), "factor 0": topic_body("odd-p", 1, 0),
            "factor -2": topic_body("odd-p", 1, -2), "factor 2": topic_body("odd-p", 1, 2),
        }.items():
            body = {"topics": [topic], "timeout_ms": 5000, "validate_only": True}
            pair.call(CREATE_TOPICS, version, body, f"{note}, validate only")
    for version in pair.versions(CREATE_PARTITIONS):
        for timeout in (0, -1):
            asked = {"name": "kept-odd", "count": 1, "assignments": None}
            body = {"topics": [asked], "timeout_ms": timeout, "validate_only": False}
            pair.call(CREATE_PARTITIONS, version, body, f"timeout {timeout}", quiet=timeout < 1)
        for note, (name, count) in {"no name": ("", 2), "great": ("kept-odd", 2**31 - 1)}.items():
            body = {"topics": [{"name": name, "count": count, "assignments": None}], "timeout_ms": 5000,
                    "validate_only": True}
            pair.call(CREATE_PARTITIONS, version, body, note, seconds=10)
    by_name = [{"name": "nope"}, {"name": ""}, {"name": "a/b"}]
    pair.call(DELETE_TOPICS, 6, {"topics": by_name, "timeout_ms": 5000}, "not there")
    pair.call(DELETE_TOPICS, 6, {"topics": [{"name": None, "topic_id": bytes(16)}], "timeout_ms": 5000}, "no id")
    for version in pair.versions(DELETE_RECORDS):
        for note, (name, index, offset) in {
            "offset -2": ("kept-odd", 0, -2), "offset -1 of nothing": ("kept-odd", 0, -1),
            "beyond the end": ("kept-odd", 0, 1), "offset 0": ("kept-odd", 0, 0), "partition -1": ("kept-odd", -1, 0),
            "its own": (own, 0, 0), "no name": ("", 0, 0),
        }.items():
            topics = [{"name": name, "partitions": [{"partition_index": index, "offset": offset}]}]
            for timeout in (5000, 0, -1):
                note_ = f"{note}, timeout {timeout}"
                pair.call(DELETE_RECORDS, version, {"topics": topics, "timeout_ms": timeout}, note_)


def odd_cursors(pair: Pair) -> None:
    """DescribeTopicPartitions."""
    for name in ("cursor-a", "cursor-b"):
        pair.create(name, 2)

    def ask(note: str, names: list[str], **more) -> None:
        pair.call(DESCRIBE_TOPIC_PARTITIONS, 0, {"topics": [{"name": name} for name in names], **more}, note)

    ask("limit at its least", ["cursor-a", "cursor-b"], response_partition_limit=-(2**31))
    ask("limit at its most", ["cursor-a", "cursor-b"], response_partition_limit=2**31 - 1)
    for partition in (-(2**31), -2, 2, 2**31 - 1):
        at = {"topic_name": "cursor-a", "partition_index": partition}
        ask(f"from partition {partition}", ["cursor-a", "cursor-b"], cursor=at)
        ask(f"from partition {partition}, limit 1", ["cursor-a", "cursor-b"], cursor=at, response_partition_limit=1)
    ask("from a name between", ["cursor-a", "cursor-b"], cursor={"topic_name": "cursor-aa", "partition_index": 1})
    ask("from a name behind", ["cursor-a", "cursor-b"], cursor={"topic_name": "z", "partition_index": 0})
    ask("from an invalid name", ["cursor-a", "cursor-b"], cursor={"topic_name": "a/b", "partition_index": 0})
    ask("a long name", ["n" * 300])
    ask("twice, limit 3", ["cursor-a", "cursor-b", "cursor-a"], response_partition_limit=3)


def odd_looks(pair: Pair) -> None:
    find_coordinators(pair)
    pair.create("looked-odd", 2)
    for note, topics in {
        "negative": [{"name": "looked-odd", "partition_indexes": [-1]}],
        "no partitions": [{"name": "looked-odd", "partition_indexes": []}],
        "a partition two times": [{"name": "looked-odd", "partition_indexes": [0, 0]}],
        "a topic two times": [{"name": "looked-odd", "partition_indexes": [0]}] * 2,
        "a topic without a name": [{"name": "", "partition_indexes": [0]}],
        "an invalid topic": [{"name": "a/b", "partition_indexes": [0]}],
    }.items():
        pair.every(PRODUCERS, {"topics": topics}, note)
    for note, topics in {
        "negative": [{"topic": "looked-odd", "partitions": [-1]}],
        "unknown": [{"topic": "nope", "partitions": [0]}],
        "no topics": [],
    }.items():
        pair.every(DESCRIBE_LOG_DIRS, {"topics": topics}, note)
    for note, dirs in {
        "no path": [{"path": "", "topics": [{"name": "looked-odd", "partitions": [0]}]}],
        "relative": [{"path": "data", "topics": [{"name": "looked-odd", "partitions": [0]}]}],
        "no topics": [{"path": "/nowhere", "topics": []}],
        "negative": [{"path": "/nowhere", "topics": [{"name": "looked-odd", "partitions": [-1]}]}],
    }.items():
        pair.every(MOVE_LOG_DIRS, {"dirs": dirs}, note)
    for names in [], [""], ["nope"], ["nope", "nope"], [" "]:
        pair.call(DESCRIBE_TRANSACTIONS, 0, {"transactional_ids": names}, f"{names}")
    for note, filters in {
        "unknown state": {"state_filters": ["Nope"]},
        "small letters": {"state_filters": ["ongoing"]},
        "empty state": {"state_filters": [""]},
        "a known and an unknown state": {"state_filters": ["Ongoing", "Nope"]},
        "dead": {"state_filters": ["Dead"]},
        "negative producer": {"producer_id_filters": [-1]},
    }.items():
        pair.every(LIST_TRANSACTIONS, {"state_filters": [], "producer_id_filters": [], **filters}, note)
    for duration in (0, -2, 2**63 - 1):
        body = {"state_filters": ["Ongoing"], "producer_id_filters": [], "duration_filter": duration}
        pair.every(LIST_TRANSACTIONS, body, f"longer than {duration}", first=1)
    for pattern in ("", "(", "nope-.*", "[", "*"):
        body = {"state_filters": ["Ongoing"], "producer_id_filters": [], "transactional_id_pattern": pattern}
        pair.every(LIST_TRANSACTIONS, body, f"pattern '{pattern}'", first=2)
    for index in (-1, 1):
        asked = [{"topic_name": "__cluster_metadata", "partitions": [{"partition_index": index}]}]
        pair.every(QUORUM, {"topics": asked}, f"partition {index}")


def odd_producers(pair: Pair) -> None:
    """InitProducerId: ids, epochs and timeouts that cannot be."""
    find_coordinators(pair)
    for version in pair.versions(INIT_PRODUCER_ID):
        for note, more in {
            "empty id": {"transactional_id": ""},
            "timeout 0": {"transactional_id": f"odd-{version}", "transaction_timeout_ms": 0},
            "timeout -1": {"transactional_id": f"odd-{version}", "transaction_timeout_ms": -1},
            "timeout too long": {"transactional_id": f"odd-{version}", "transaction_timeout_ms": 900001},
            "no transaction, timeout -1": {"transactional_id": None, "transaction_timeout_ms": -1},
        }.items():
            body = {"transactional_id": None, "transaction_timeout_ms": 1000, **more}
            pair.call(INIT_PRODUCER_ID, version, body, note, quiet="no transaction" in note)
        if version < 3:
            continue
        for of, name in (("transaction", f"odd-new-{version}"), ("no transaction", None)):
            for producer, epoch in ((5, -1), (-1, 5), (-2, 0), (0, -2), (99999, 0)):
                body = {"transactional_id": name, "transaction_timeout_ms": 1000, "producer_id": producer,
                        "producer_epoch": epoch}
                settled(pair, INIT_PRODUCER_ID, version, body, f"{of}, producer {producer}, epoch {epoch}")


ADMIN_EDGES = [odd_elections, odd_reassignments, odd_topics, odd_cursors, odd_looks, odd_producers]
