"""Groups that change hands with their log: Apache Kafka goes on with Furrow's, and Furrow with Apache Kafka's.

Apache Kafka is started three times, which takes half a minute: tools/test runs it with --long only."""

import os
import shutil
import time

import pytest
from differential.consumer_groups import assignment, beat_body, subscription
from differential.groups import DELETE_GROUPS, FIND_COORDINATOR, JOIN, OFFSET_COMMIT, OFFSET_FETCH, SYNC
from differential.peers import CREATE_TOPICS, INIT_PRODUCER_ID, METADATA, Peer
from differential.transactions import ADD_OFFSETS, END, PASSING, TXN_OFFSET_COMMIT, errors_of
from servers import ApacheKafka, Furrowd

HEARTBEAT, DESCRIBE, CLASSIC_HEARTBEAT = 68, 69, 12
UNSTABLE = 88
GROUPS = ["modern", "empty", "mixed"]

pytestmark = [
    pytest.mark.furrow_only,
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.environ.get("TEST_LENGTH", "long") != "long", reason="only with tools/test --long"),
]


@pytest.fixture
def both(request, tmp_path):
    settings = {"auto.create.topics.enable": "false"}
    furrowd = Furrowd(tmp_path / "furrowd", settings, request.config.getoption("furrowd").resolve())
    kafka = ApacheKafka(tmp_path / "kafka", settings)
    yield {"furrowd": furrowd, "kafka": kafka}
    kafka.kill()
    furrowd.kill()


def ready(server) -> Peer:
    """With its topics; the topic of the groups is made by the first who asks for a coordinator."""
    peer = Peer(server.start())
    topics = [{"name": name, "num_partitions": 2, "replication_factor": 1} for name in ("moved", "moved-too")]
    peer.call(CREATE_TOPICS, 7, {"topics": topics, "timeout_ms": 5000}, 10)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = peer.call(FIND_COORDINATOR, 4, {"key_type": 0, "coordinator_keys": ["modern"]})
        answer = peer.call(CLASSIC_HEARTBEAT, 4, {"group_id": "modern", "generation_id": 1, "member_id": "nobody"})
        if not found["coordinators"][0]["error_code"] and answer["error_code"] == 25:  # 0: still loading
            return peer
        time.sleep(0.1)
    raise AssertionError("no coordinator")


def beat(peer: Peer, group: str, name: str, epoch: int, **other) -> dict:
    answer = peer.call(HEARTBEAT, 1, beat_body(group, name, epoch, **other), 10)
    assert answer["error_code"] == 0, answer
    return answer


def fill(peer: Peer) -> None:
    names = {"subscribed_topic_names": ["moved"]}
    beat(peer, "modern", "a", 0, **names)
    beat(peer, "modern", "b", 0, instance_id="one", rack_id="r", server_assignor="range", **names)
    beat(peer, "modern", "c", 0, subscribed_topic_names=[], subscribed_topic_regex="moved.*")
    epoch = beat(peer, "empty", "a", 0, **names)["member_epoch"]
    body = {"group_id": "empty", "generation_id_or_member_epoch": epoch, "member_id": "a",
            "topics": [{"name": "moved", "partitions": [{"partition_index": 1, "committed_offset": 7}]}]}
    answer = peer.call(OFFSET_COMMIT, 9, body)
    assert answer["topics"][0]["partitions"][0]["error_code"] == 0, answer
    beat(peer, "empty", "a", -1)
    spoken = {"protocols": [{"name": "cooperative-sticky", "metadata": subscription("moved")}]}
    old = {"group_id": "mixed", "session_timeout_ms": 45000, "rebalance_timeout_ms": 45000, "member_id": "",
           "group_instance_id": "old", "protocol_type": "consumer", **spoken}
    joined = peer.call(JOIN, 9, old, 10)
    mine = [{"member_id": joined["member_id"], "assignment": assignment("moved", [0, 1])}]
    synced = peer.call(SYNC, 5, {"group_id": "mixed", "generation_id": 1, "member_id": joined["member_id"],
                                 "group_instance_id": "old", "protocol_type": "consumer",
                                 "protocol_name": "cooperative-sticky", "assignments": mine}, 10)
    assert (joined["error_code"], synced["error_code"]) == (0, 0)
    beat(peer, "mixed", "new", 0, **names)


def described(peer: Peer) -> list:
    """Without what names topics by their ids, which are others elsewhere, and where a member was seen."""
    groups = peer.call(DESCRIBE, 1, {"group_ids": GROUPS})["groups"]
    kept = ("member_id", "instance_id", "rack_id", "member_epoch", "subscribed_topic_names", "subscribed_topic_regex",
            "member_type")
    return [
        (group["error_code"], group["group_id"], group["group_epoch"], group["assignment_epoch"],
         group["assignor_name"], sorted(str({key: member[key] for key in kept}) for member in group["members"]))
        for group in groups
    ]


@pytest.mark.parametrize("one, other", [("furrowd", "kafka"), ("kafka", "furrowd")])
def test_groups_go_on_where_their_log_goes(both, one, other):
    first, second = both[one], both[other]
    peer = ready(first)
    fill(peer)
    before = described(peer)
    peer.close()
    first.stop()

    ready(second).close()
    second.stop()
    source, target = (server.partition_folder("__consumer_offsets") for server in (first, second))
    for file in target.iterdir():
        if file.name != "partition.metadata":
            file.unlink()
    for file in source.glob("*.log"):
        shutil.copy2(file, target / file.name)
    peer = ready(second)
    assert described(peer) == before
    answer = peer.call(OFFSET_FETCH, 9, {"groups": [{"group_id": "empty", "topics": None}]})
    assert answer["groups"][0]["topics"][0]["partitions"][0]["committed_offset"] == 7
    epochs = {member["member_id"]: member["member_epoch"]
              for member in peer.call(DESCRIBE, 1, {"group_ids": ["modern"]})["groups"][0]["members"]}
    for name, epoch in epochs.items():
        beat(peer, "modern", name, epoch, **({"instance_id": "one"} if name == "b" else {}))
    peer.close()


# ---- a log of many partitions

PARTITIONS = 5
INTERNAL = ["__consumer_offsets", "__transaction_state"]
EAGER = {"cleanup.policy": "compact", "segment.bytes": "1048576", "min.cleanable.dirty.ratio": "0",
         "delete.retention.ms": "0", "max.compaction.lag.ms": "1", "segment.ms": "1000"}


def partition_of(name: str) -> int:
    """Java's hash of a string, as Apache Kafka picks the partition of a group or a transactional id."""
    code = 0
    for character in name:
        code = (31 * code + ord(character)) & 0xFFFFFFFF
    return (code & 0x7FFFFFFF) % PARTITIONS


def names_in_each_partition(prefix: str) -> list[str]:
    """The n-th belongs to partition n."""
    return [next(name for name in (f"{prefix}-{i}" for i in range(1000)) if partition_of(name) == wanted)
            for wanted in range(PARTITIONS)]


def wait_until(peer: Peer, key: int, version: int, body: dict) -> dict:
    """What passes by itself is waited for: loading, a topic that is made, a transaction that is being ended."""
    deadline = time.monotonic() + 20
    while True:
        answer = peer.call(key, version, body, 10)
        if not PASSING & set(errors_of(answer)):
            return answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)


def commit(peer: Peer, group: str, offset: int) -> None:
    body = {"group_id": group, "generation_id_or_member_epoch": -1, "member_id": "",
            "topics": [{"name": "moved", "partitions": [{"partition_index": 1, "committed_offset": offset}]}]}
    assert set(errors_of(wait_until(peer, OFFSET_COMMIT, 9, body))) == {0}


def committed(peer: Peer, group: str, stable: bool = False) -> int | str:
    body = {"groups": [{"group_id": group, "topics": [{"name": "moved", "partition_indexes": [1]}]}],
            "require_stable": stable}
    [part] = wait_until(peer, OFFSET_FETCH, 9, body)["groups"][0]["topics"][0]["partitions"]
    return "undecided" if part["error_code"] == UNSTABLE else part["committed_offset"]


def begin(peer: Peer, name: str, group: str, offset: int) -> dict:
    """An open transaction that commits an offset; what names its producer."""
    wait_until(peer, FIND_COORDINATOR, 4, {"key_type": 1, "coordinator_keys": [name]})
    answer = wait_until(peer, INIT_PRODUCER_ID, 4, {"transactional_id": name, "transaction_timeout_ms": 600000})
    producer = {"producer_id": answer["producer_id"], "producer_epoch": answer["producer_epoch"]}
    body = {"transactional_id": name, "group_id": group, **producer}
    assert wait_until(peer, ADD_OFFSETS, 3, body)["error_code"] == 0
    topics = [{"name": "moved", "partitions": [{"partition_index": 1, "committed_offset": offset}]}]
    answer = wait_until(peer, TXN_OFFSET_COMMIT, 3, {**body, "generation_id": -1, "member_id": "", "topics": topics})
    assert set(errors_of(answer)) == {0}, answer
    return producer


def end(peer: Peer, name: str, producer: dict, commits: bool) -> None:
    body = {"transactional_id": name, **producer, "committed": commits}
    assert wait_until(peer, END, 3, body)["error_code"] == 0


def create_internal_topics(server: Furrowd) -> None:
    peer = Peer(server.start())
    configs = [{"name": name, "value": value} for name, value in EAGER.items()]
    topics = [{"name": name, "num_partitions": PARTITIONS, "replication_factor": 1, "configs": configs}
              for name in INTERNAL]
    topics.append({"name": "moved", "num_partitions": 2, "replication_factor": 1})
    answer = peer.call(CREATE_TOPICS, 7, {"topics": topics, "timeout_ms": 5000}, 10)
    assert set(errors_of(answer)) == {0}, answer
    peer.close()
    server.stop()


def take_over(source: ApacheKafka, target: Furrowd) -> None:
    for name in INTERNAL:
        for number in range(PARTITIONS):
            folder = target.partition_folder(name, number)
            for file in source.partition_folder(name, number).iterdir():
                if file.name != "partition.metadata":
                    shutil.copy2(file, folder / file.name)


def sizes(server: Furrowd, topic: str) -> list[int]:
    return [sum(file.stat().st_size for file in server.partition_folder(topic, number).glob("*.log"))
            for number in range(PARTITIONS)]


def test_a_log_of_many_partitions_is_taken_over(both, kafka_tools):
    kafka, furrowd = both["kafka"], both["furrowd"]
    kafka.settings = {**kafka.settings, "offsets.topic.num.partitions": str(PARTITIONS),
                      "transaction.state.log.num.partitions": str(PARTITIONS)}
    furrowd.settings = {**furrowd.settings, "log.cleaner.backoff.ms": "100"}
    create_internal_topics(furrowd)
    groups, names = names_in_each_partition("group"), names_in_each_partition("id")
    peer = ready(kafka)
    for number, group in enumerate(groups):
        commit(peer, group, number)
        commit(peer, group, 100 + number)
    commit(peer, "deleted", 1)
    # the transactional ids live in other partitions than their groups
    committing = begin(peer, names[1], groups[3], 203)
    begin(peer, names[4], groups[2], 202)
    aborted = begin(peer, names[2], groups[4], 204)
    end(peer, names[2], aborted, commits=False)
    peer.close()
    kafka.stop()

    take_over(kafka, furrowd)
    peer = Peer(furrowd.start())
    assert [committed(peer, group) for group in groups] == [100, 101, 102, 103, 104]
    assert [committed(peer, group, stable=True) for group in groups] == [100, 101, "undecided", "undecided", 104]
    end(peer, names[1], committing, commits=True)
    wait_until(peer, INIT_PRODUCER_ID, 4, {"transactional_id": names[4], "transaction_timeout_ms": 600000})
    peer.call(DELETE_GROUPS, 2, {"groups_names": ["deleted", groups[1]]}, 10)
    for offset in range(3000):  # a segment, so that what stands before is compacted, and the tombstones go
        commit(peer, groups[0], offset)
    deadline = time.monotonic() + 30
    while "partition=__consumer_offsets-0" not in furrowd.tail(200) or "compacted" not in furrowd.tail(200):
        assert time.monotonic() < deadline, "__consumer_offsets is not compacted"
        time.sleep(0.2)
    peer.close()
    for stop in (furrowd.stop, furrowd.kill):
        stop()
        peer = Peer(furrowd.start())
        expected = [2999, -1, 102, 203, 104]
        assert [committed(peer, group, stable=True) for group in groups] == expected
        assert committed(peer, "deleted") == -1
        described = peer.call(METADATA, 12, {"topics": [{"topic_id": bytes(16), "name": "__consumer_offsets"}],
                                             "allow_auto_topic_creation": False})
        assert len(described["topics"][0]["partitions"]) == PARTITIONS
        peer.close()
    furrowd.stop()
    for topic in INTERNAL:
        assert sizes(furrowd, topic)[1:] == [0] * (PARTITIONS - 1)
    files = sorted(furrowd.partition_folder("__consumer_offsets").glob("*.log"))
    dumped = kafka_tools.run(
        "org.apache.kafka.tools.DumpLogSegments", "--offsets-decoder", "--files", ",".join(map(str, files)))
    assert f'"group":"{groups[4]}"' in dumped
    assert "isvalid: false" not in dumped
    files = sorted(furrowd.partition_folder("__transaction_state").glob("*.log"))
    dumped = kafka_tools.run(
        "org.apache.kafka.tools.DumpLogSegments", "--transaction-log-decoder", "--files", ",".join(map(str, files)))
    assert all(f"transactional_id={name}" in dumped or f'"{name}"' in dumped for name in (names[1], names[4]))
    assert "isvalid: false" not in dumped
