"""Groups that change hands with their log: Apache Kafka goes on with Furrow's, and Furrow with Apache Kafka's.

Apache Kafka is started three times, which takes half a minute: tools/test runs it with --long only."""

import os
import shutil
import time

import pytest
from differential.consumer_groups import assignment, beat_body, subscription
from differential.groups import FIND_COORDINATOR, JOIN, OFFSET_COMMIT, OFFSET_FETCH, SYNC
from differential.peers import CREATE_TOPICS, Peer
from servers import ApacheKafka, Furrowd

HEARTBEAT, DESCRIBE, CLASSIC_HEARTBEAT = 68, 69, 12
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
