"""Transactions: the calls of the coordinator, and what a transaction does to partitions and groups."""

import time

from differential.batches import batch, split
from differential.peers import FETCH, INIT_PRODUCER_ID, LIST_OFFSETS, PRODUCE, Pair, resolve
from differential.reads import fetch_body, part
from differential.records import produce_body

FIND_COORDINATOR, OFFSET_COMMIT, OFFSET_FETCH, DELETE_GROUPS, OFFSET_DELETE = 10, 8, 9, 42, 47
ADD_PARTITIONS, ADD_OFFSETS, END, WRITE_MARKERS, TXN_OFFSET_COMMIT = 24, 25, 26, 27, 28
DESCRIBE_PRODUCERS, DESCRIBE, LIST = 61, 65, 66
# Loading, not there yet, elsewhere, the last transaction is still being ended; what Produce calls any of these.
PASSING = {14, 15, 16, 51, 19}
TRANSACTIONAL = 16
NOBODY = (4_000_000_000, 0)


def errors_of(answer):
    if isinstance(answer, dict):
        for key, value in answer.items():
            if key.endswith("error_code"):
                yield value
            else:
                yield from errors_of(value)
    elif isinstance(answer, list):
        for item in answer:
            yield from errors_of(item)


def settled(pair: Pair, key: int, version: int, body: dict, note: str = "", quiet: bool = False) -> tuple:
    """As pair.call, but what passes by itself is waited for."""
    answers = []
    for peer in pair.peers():
        deadline = time.monotonic() + 10
        while True:
            answer = ask_one(peer, key, version, body)
            if isinstance(answer, str) or not PASSING & set(errors_of(answer)) or time.monotonic() > deadline:
                break
            time.sleep(0.02)
        answers.append(answer)
    if not quiet:
        pair.note(f"{key} v{version} {note}", answers)
    return tuple(answers)


def ask_one(peer, key: int, version: int, body: dict):
    return peer.call(key, version, resolve(body, peer), 5)


def find_coordinators(pair: Pair) -> None:
    """Apache Kafka makes the topics when somebody asks, in the background."""
    for peer in pair.peers():
        for key_type in (0, 1):
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                found = peer.call(FIND_COORDINATOR, 4, {"key_type": key_type, "coordinator_keys": ["any"]}, 5)
                if found["coordinators"][0]["error_code"] == 0:
                    break
                time.sleep(0.1)


# ---- bodies; `who` names a producer, whose id and epoch each server chose


def pid(who: str):
    return lambda peer: peer.named.get(who, NOBODY)[0]


def epoch(who: str, more: int = 0):
    return lambda peer: peer.named.get(who, NOBODY)[1] + more


def init(pair: Pair, who: str, version: int = 4, timeout: int = 60000, note: str = "", **other) -> None:
    body = {"transactional_id": who, "transaction_timeout_ms": timeout, **other}
    for peer, answer in zip(pair.peers(), settled(pair, INIT_PRODUCER_ID, version, body, note)):
        if answer["error_code"] == 0:
            peer.named[who] = (answer["producer_id"], answer["producer_epoch"])


def add_body(version: int, who: str, topics, name=None, verify: bool = False, **other) -> dict:
    named = [{"name": topic, "partitions": partitions} for topic, partitions in topics]
    one = {"transactional_id": name or who, "producer_id": pid(who), "producer_epoch": epoch(who), **other}
    if version >= 4:
        return {"transactions": [{**one, "verify_only": verify, "topics": named}]}
    return {**{f"v3_and_below_{key}": value for key, value in one.items()}, "v3_and_below_topics": named}


def add(pair: Pair, who: str, topics, version: int = 3, note: str = "", **other) -> None:
    settled(pair, ADD_PARTITIONS, version, add_body(version, who, topics, **other), note)


def end_body(who: str, commits: bool = True, name=None, **other) -> dict:
    return {
        "transactional_id": name or who,
        "producer_id": pid(who),
        "producer_epoch": epoch(who),
        "committed": commits,
        **other,
    }


def end(pair: Pair, who: str, commits: bool = True, version: int = 4, note: str = "", **other) -> None:
    answers = settled(pair, END, version, end_body(who, commits, **other), note)
    for peer, answer in zip(pair.peers(), answers):
        if version >= 5 and answer["error_code"] == 0:
            peer.named[who] = (answer["producer_id"], answer["producer_epoch"])


def write(
    pair: Pair, who: str, topic: str, sequence: int, version=9, note="", *, partition=0, name=None, count=1, more=0,
    attributes=TRANSACTIONAL,
):
    """`more` is added to the producer's epoch; the name "" asks without a transactional id."""

    def records(peer):
        id, current = peer.named.get(who, NOBODY)
        return batch(count, attributes=attributes, producer=(id, current + more, sequence))

    id = who if name is None else name or None
    body = produce_body(version, [(topic, partition, records)], transactional_id=id)
    return settled(pair, PRODUCE, version, body, note)


def without_producers(answer: dict) -> dict:
    """Batches by what they are; ids, and the time of markers, are each server's own."""
    own = ("crc", "producer", "producer_id", "timestamp", "max_timestamp", "base_timestamp", "records")
    for topic in answer["responses"]:
        for found in topic["partitions"]:
            found["records"] = [
                {key: value for key, value in one.items() if key not in own} for one in split(found["records"] or b"")
            ]
    return answer


def read(pair: Pair, topic: str, note: str = "", version: int = 12) -> None:
    """What both isolation levels see."""
    for isolation in (0, 1):
        body = fetch_body(version, [(topic, [part()])], isolation_level=isolation)
        answers = pair.call(FETCH, version, body, quiet=True)
        pair.note(f"Fetch v{version} {note} {isolation}", [without_producers(answer) for answer in answers])
        parts = {"topics": [{"name": topic, "partitions": [{"partition_index": 0, "timestamp": -1}]}]}
        pair.call(LIST_OFFSETS, 5, {**parts, "replica_id": -1, "isolation_level": isolation}, f"{note} {isolation}")


def wait_ended(pair: Pair, topic: str) -> None:
    """Apache Kafka writes markers after its answer."""
    for peer in pair.peers():
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            answer = peer.call(FETCH, 11, fetch_body(11, [(topic, [part()])], isolation_level=1))
            found = answer["responses"][0]["partitions"][0]
            if found["last_stable_offset"] == found["high_watermark"]:
                break
            time.sleep(0.02)


# ---- scenarios


def transactional_ids(pair: Pair) -> None:
    """InitProducerId with a transactional id."""
    find_coordinators(pair)
    for version in pair.versions(INIT_PRODUCER_ID):
        who = f"init-{version}"
        for timeout in (0, -1, 900001, 2**31 - 1):
            body = {"transactional_id": who, "transaction_timeout_ms": timeout}
            settled(pair, INIT_PRODUCER_ID, version, body, f"timeout {timeout}")
        init(pair, who, version, note="first")
        init(pair, who, version, note="again")
        init(pair, who, version, timeout=900000, note="with the longest timeout")
        if version < 3:
            continue
        init(pair, who, version, note="bumped", producer_id=pid(who), producer_epoch=epoch(who))
        older = {"producer_id": pid(who), "producer_epoch": epoch(who, -1)}
        init(pair, who, version, note="the epoch before", **older)
        for more in (-2, -3, 1, 5):
            asked = {"producer_id": pid(who), "producer_epoch": epoch(who, more)}
            body = {"transactional_id": who, "transaction_timeout_ms": 1000, **asked}
            settled(pair, INIT_PRODUCER_ID, version, body, f"epoch {more}")
        for id, current in ((NOBODY[0], 0), (-1, 0), (0, -1), (-2, -2)):
            asked = {"producer_id": id, "producer_epoch": current}
            body = {"transactional_id": who, "transaction_timeout_ms": 1000, **asked}
            settled(pair, INIT_PRODUCER_ID, version, body, f"producer {id} {current}")
        fresh = {"transactional_id": f"{who}-fresh", "transaction_timeout_ms": 1000}
        settled(pair, INIT_PRODUCER_ID, version, {**fresh, "producer_id": 7, "producer_epoch": 3}, "unknown, with an id")


def exhausted_epochs(pair: Pair) -> None:
    """An epoch that cannot be raised: the producer gets another id."""
    for version in (3, 4, 5):
        who = f"exhausted-{version}"
        body = {"transactional_id": who, "transaction_timeout_ms": 1000, "producer_id": 77, "producer_epoch": 32767}
        settled(pair, INIT_PRODUCER_ID, version, body, "unknown")


def joining_partitions(pair: Pair) -> None:
    """AddPartitionsToTxn and AddOffsetsToTxn."""
    pair.create("joined", 3)
    for version in pair.versions(ADD_PARTITIONS):
        who = f"join-{version}"
        init(pair, who)

        def ask(note, topics, version=version, who=who, **other):
            settled(pair, ADD_PARTITIONS, version, add_body(version, who, topics, **other), note)

        ask("no topics", [])
        ask("no partitions", [("joined", [])])
        if version >= 4:
            ask("verified before", [("joined", [0])], verify=True)
        ask("one", [("joined", [0])])
        ask("the same", [("joined", [0])])
        ask("two", [("joined", [1, 2])])
        ask("unknown partition", [("joined", [9])])
        ask("unknown topic", [("nope", [0])])
        ask("one of them unknown", [("joined", [0]), ("nope", [0])])
        ask("internal topic", [("__consumer_offsets", [0])])
        ask("older epoch", [("joined", [0])], producer_epoch=epoch(who, -1))
        ask("newer epoch", [("joined", [0])], producer_epoch=epoch(who, 1))
        ask("other producer", [("joined", [0])], producer_id=NOBODY[0])
        ask("unknown id", [("joined", [0])], name="nobody")
        ask("empty id", [("joined", [0])], transactional_id="")
        if version >= 4:
            ask("verified", [("joined", [0])], verify=True)
            ask("verified, older epoch", [("joined", [0])], verify=True, producer_epoch=epoch(who, -1))
            ask("verified, other producer", [("joined", [0])], verify=True, producer_id=NOBODY[0])
        end(pair, who, version=4 if version < 5 else 5)
        if version >= 4:
            ask("verified afterwards", [("joined", [0])], verify=True)
    for version in pair.versions(ADD_OFFSETS):
        who = f"offsets-{version}"
        init(pair, who)
        body = {"transactional_id": who, "producer_id": pid(who), "producer_epoch": epoch(who), "group_id": "g"}
        for note, other in {
            "one": {},
            "the same": {},
            "another group": {"group_id": "h"},
            "empty group": {"group_id": ""},
            "older epoch": {"producer_epoch": epoch(who, -1)},
            "newer epoch": {"producer_epoch": epoch(who, 1)},
            "other producer": {"producer_id": NOBODY[0]},
            "unknown id": {"transactional_id": "nobody"},
            "empty id": {"transactional_id": ""},
        }.items():
            settled(pair, ADD_OFFSETS, version, {**body, **other}, note)
        end(pair, who)


def ending(pair: Pair) -> None:
    """EndTxn."""
    pair.create("ended", 1)
    for version in pair.versions(END):
        who = f"end-{version}"
        init(pair, who)
        settled(pair, END, version, end_body(who), "nothing to commit", quiet=False)
        init(pair, who)
        settled(pair, END, version, end_body(who, False), "nothing to abort", quiet=False)
        init(pair, who)
        for note, other in {
            "older epoch": {"producer_epoch": epoch(who, -1)},
            "newer epoch": {"producer_epoch": epoch(who, 1)},
            "other producer": {"producer_id": NOBODY[0]},
            "unknown id": {"transactional_id": "nobody"},
            "empty id": {"transactional_id": ""},
        }.items():
            add(pair, who, [("ended", [0])])
            settled(pair, END, version, {**end_body(who), **other}, note)
        end(pair, who, True, version, "commit")
        if version < 5:
            settled(pair, END, version, end_body(who), "commit again")
            settled(pair, END, version, end_body(who, False), "abort what was committed")
        add(pair, who, [("ended", [0])])
        end(pair, who, False, version, "abort")
        if version < 5:
            settled(pair, END, version, end_body(who, False), "abort again")
            settled(pair, END, version, end_body(who), "commit what was aborted")
        wait_ended(pair, "ended")


def transactional_records(pair: Pair) -> None:
    """Produce in a transaction, and what readers see."""
    for version in pair.versions(PRODUCE):
        topic, who = f"written-{version}", f"write-{version}"
        pair.create(topic, 2)
        init(pair, who)
        late = version >= 12
        write(pair, who, topic, 0, version, "without id", name="")
        write(pair, who, topic, 0, version, "unknown id", name="nobody")
        write(pair, who, topic, 0, version, "older epoch", more=-1)
        write(pair, who, topic, 0, version, "newer epoch", more=1)
        if not late:
            write(pair, who, topic, 0, version, "not added")
            add(pair, who, [(topic, [0])])
        write(pair, who, topic, 0, version, "first", count=2)
        read(pair, topic, f"v{version} open")
        write(pair, who, topic, 0, version, "first again", count=2)
        write(pair, who, topic, 5, version, "gap")
        write(pair, who, topic, 2, version, "not transactional", attributes=0)
        write(pair, who, topic, 2, version, "second")
        if not late:
            write(pair, who, topic, 0, version, "other partition, not added", partition=1)
        end(pair, who, True, 5 if late else 4, "commit")
        wait_ended(pair, topic)
        read(pair, topic, f"v{version} committed")
        if not late:
            write(pair, who, topic, 3, version, "after the end")
            add(pair, who, [(topic, [0])])
        write(pair, who, topic, 0 if late else 3, version, "second transaction", count=3)
        end(pair, who, False, 5 if late else 4, "abort")
        wait_ended(pair, topic)
        read(pair, topic, f"v{version} aborted")
        init(pair, who, note="fenced")
        write(pair, who, topic, 0, version, "epoch before", more=-1)


def two_producers(pair: Pair) -> None:
    pair.create("shared", 2)
    pair.create("shared-too")
    pair.kafka.learn_ids()
    pair.furrowd.learn_ids()
    init(pair, "one")
    init(pair, "other")

    def of(who):
        return lambda peer: batch(attributes=TRANSACTIONAL, producer=(*peer.named[who], 0))

    for version in (9, 11, 12, 13):
        parts = [("shared", 0, of("one")), ("shared-too", 0, of("other"))]
        pair.call(PRODUCE, version, produce_body(version, parts, transactional_id="one"), "in one request")
    write(pair, "one", "shared", 0, 12, "one")
    write(pair, "other", "shared", 0, 12, "other")
    write(pair, "one", "shared", 1, 12, "one")
    read(pair, "shared", "both open")
    end(pair, "other", False, 5)
    time.sleep(0.2)
    read(pair, "shared", "one open")
    end(pair, "one", True, 5)
    wait_ended(pair, "shared")
    read(pair, "shared", "both ended")


def commit_body(who: str, group: str, offset: int = 5, topic: str = "consumed", **other) -> dict:
    return {
        "transactional_id": who,
        "group_id": group,
        "producer_id": pid(who),
        "producer_epoch": epoch(who),
        "topics": [
            {
                "name": topic,
                "partitions": [
                    {"partition_index": 0, "committed_offset": offset, "committed_metadata": "mine"},
                    {"partition_index": 7, "committed_offset": offset, "committed_metadata": None},
                ],
            }
        ],
        **other,
    }


def read_offsets(pair: Pair, group: str, note: str = "", topic: str = "consumed") -> None:
    topics = [{"name": topic, "partition_indexes": [0, 1]}]
    for stable in (False, True):
        body = {"group_id": group, "topics": topics, "require_stable": stable}
        pair.call(OFFSET_FETCH, 7, body, f"{note}, {'stable' if stable else 'any'}")
        body = {"groups": [{"group_id": group, "topics": topics}], "require_stable": stable}
        pair.call(OFFSET_FETCH, 9, body, f"{note}, {'stable' if stable else 'any'}")
        pair.call(OFFSET_FETCH, 9, {**body, "groups": [{"group_id": group, "topics": None}]}, f"{note}, all {stable}")


def wait_stable(pair: Pair, group: str, topic: str = "consumed") -> None:
    topics = [{"name": topic, "partition_indexes": [0]}]
    settled_body = {"group_id": group, "topics": topics, "require_stable": True}
    for peer in pair.peers():
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            answer = peer.call(OFFSET_FETCH, 7, settled_body)
            if 88 not in set(errors_of(answer)):
                break
            time.sleep(0.02)


def transactional_offsets(pair: Pair) -> None:
    """TxnOffsetCommit."""
    pair.create("consumed", 2)
    for version in pair.versions(TXN_OFFSET_COMMIT):
        who, group = f"commit-{version}", f"group-{version}"
        init(pair, who)
        late = version >= 5

        def ask(note, version=version, who=who, group=group, **other):
            settled(pair, TXN_OFFSET_COMMIT, version, commit_body(who, group, **other), note)

        if not late:
            ask("not added")
            body = {"transactional_id": who, "producer_id": pid(who), "producer_epoch": epoch(who), "group_id": group}
            settled(pair, ADD_OFFSETS, 3, body)
        ask("older epoch", producer_epoch=epoch(who, -1))
        ask("newer epoch", producer_epoch=epoch(who, 1))
        ask("other producer", producer_id=NOBODY[0])
        ask("unknown id", transactional_id="nobody")
        ask("empty id", transactional_id="")
        ask("empty group", group_id="")
        ask("unknown topic", topic="nope")
        ask("no topics", topics=[])
        if version >= 3:
            ask("of a member", generation_id=3, member_id="m")
            ask("of an instance", group_instance_id="i")
            ask("generation alone", generation_id=3)
        ask("first")
        read_offsets(pair, group, f"v{version} pending")
        ask("again", offset=8)
        end(pair, who, True, 5 if late else 4)
        wait_stable(pair, group)
        read_offsets(pair, group, f"v{version} committed")
        if not late:
            ask("after the end")
            body = {"transactional_id": who, "producer_id": pid(who), "producer_epoch": epoch(who), "group_id": group}
            settled(pair, ADD_OFFSETS, 3, body)
        ask("to be aborted", offset=20)
        read_offsets(pair, group, f"v{version} pending again")
        end(pair, who, False, 5 if late else 4)
        wait_stable(pair, group)
        read_offsets(pair, group, f"v{version} aborted")


def offsets_beside_others(pair: Pair) -> None:
    """Pending offsets, and what else happens to them."""

    def plain(offset):
        partitions = [{"partition_index": 0, "committed_offset": offset, "committed_metadata": ""}]
        body = {"group_id": "beside", "generation_id_or_member_epoch": -1}
        pair.call(OFFSET_COMMIT, 8, {**body, "topics": [{"name": "overtaken", "partitions": partitions}]}, "plain")

    pair.create("overtaken", 2)
    for who in ("first", "second"):
        init(pair, who)
    settled(pair, TXN_OFFSET_COMMIT, 5, commit_body("first", "beside", 10, "overtaken"), "first")
    plain(11)
    end(pair, "first", True, 5)
    wait_stable(pair, "beside", "overtaken")
    read_offsets(pair, "beside", "the plain one came later", "overtaken")
    plain(12)
    settled(pair, TXN_OFFSET_COMMIT, 5, commit_body("first", "beside", 13, "overtaken"), "first")
    settled(pair, TXN_OFFSET_COMMIT, 5, commit_body("second", "beside", 14, "overtaken"), "second")
    end(pair, "second", True, 5)
    time.sleep(0.3)
    read_offsets(pair, "beside", "the second one ended first", "overtaken")
    end(pair, "first", True, 5)
    wait_stable(pair, "beside", "overtaken")
    read_offsets(pair, "beside", "both ended", "overtaken")
    settled(pair, TXN_OFFSET_COMMIT, 5, commit_body("first", "beside", 15, "overtaken"), "first")
    body = {"group_id": "beside", "topics": [{"name": "overtaken", "partitions": [{"partition_index": 0}]}]}
    pair.call(OFFSET_DELETE, 0, body, "while pending")
    end(pair, "first", True, 5)
    wait_stable(pair, "beside", "overtaken")
    read_offsets(pair, "beside", "deleted while pending", "overtaken")
    settled(pair, TXN_OFFSET_COMMIT, 5, commit_body("first", "only", 16, "overtaken"), "first")
    pair.call(DELETE_GROUPS, 2, {"groups_names": ["only"]}, "while pending")
    end(pair, "first", True, 5)
    time.sleep(0.3)
    read_offsets(pair, "only", "group deleted while pending", "overtaken")


def looked_at(pair: Pair) -> None:
    """DescribeTransactions, ListTransactions, DescribeProducers."""
    pair.create("seen", 2)
    init(pair, "seen-open")
    init(pair, "seen-empty")
    init(pair, "seen-ended")
    write(pair, "seen-open", "seen", 0, 12)
    write(pair, "seen-ended", "seen", 0, 12, partition=1)
    end(pair, "seen-ended", True, 5)
    time.sleep(0.5)  # Apache Kafka writes its markers after the answer

    def without_times(answer):
        for one in answer.get("transaction_states", []):
            if one.get("transaction_start_time_ms", -1) > 0:
                one["transaction_start_time_ms"] = 1
        return answer

    def ask(key, version, body, note):
        answers = [without_times(ask_one(peer, key, version, body)) for peer in pair.peers()]
        for answer in answers:
            if key == LIST:
                answer["transaction_states"] = sorted(
                    (one for one in answer["transaction_states"] if one["transactional_id"].startswith("seen")),
                    key=lambda one: one["transactional_id"],
                )
        pair.note(f"{key} v{version} {note}", answers)

    for id in ("seen-open", "seen-empty", "seen-ended", "nobody", ""):
        ask(DESCRIBE, 0, {"transactional_ids": [id]}, repr(id))
    ask(DESCRIBE, 0, {"transactional_ids": []}, "none")
    for version in pair.versions(LIST):
        ask(LIST, version, {}, "all")
        for states in (["Ongoing"], ["Empty", "Ongoing"], ["CompleteCommit"], ["nonsense"], ["ongoing"]):
            ask(LIST, version, {"state_filters": states}, str(states))
        ask(LIST, version, {"producer_id_filters": [pid("seen-open")]}, "one producer")
        ask(LIST, version, {"producer_id_filters": [NOBODY[0]]}, "another producer")
        if version >= 1:
            for duration in (-1, 0, 10**9):
                ask(LIST, version, {"duration_filter": duration}, f"duration {duration}")
        if version >= 2:
            for pattern in ("seen-o.*", ".*", "seen", "", "(", None):
                ask(LIST, version, {"transactional_id_pattern": pattern}, f"pattern {pattern}")
    end(pair, "seen-open", False, 5)


def markers_of_tools(pair: Pair) -> None:
    """WriteTxnMarkers, by which kafka-transactions aborts what hangs."""
    pair.create("marked", 2)
    for version in pair.versions(WRITE_MARKERS):
        who = f"mark-{version}"
        init(pair, who)
        write(pair, who, "marked", 0, 12, partition=version - 1)

        def ask(note, version=version, who=who, **other):
            marker = {
                "producer_id": pid(who),
                "producer_epoch": epoch(who),
                "transaction_result": False,
                "topics": [{"name": "marked", "partition_indexes": [version - 1]}],
                "coordinator_epoch": 0,
                **other,
            }
            pair.call(WRITE_MARKERS, version, {"markers": [marker]}, note)

        ask("unknown topic", topics=[{"name": "nope", "partition_indexes": [0]}])
        ask("unknown partition", topics=[{"name": "marked", "partition_indexes": [9]}])
        ask("no topics", topics=[])
        ask("older epoch", producer_epoch=epoch(who, -1))
        ask("abort")
        ask("again")
        ask("older coordinator", coordinator_epoch=-1)


TRANSACTIONS = [
    transactional_ids,
    exhausted_epochs,
    joining_partitions,
    ending,
    transactional_records,
    two_producers,
    transactional_offsets,
    offsets_beside_others,
    looked_at,
    markers_of_tools,
]
