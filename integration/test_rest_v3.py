"""REST v3's clusters, brokers, topics, partitions and settings. What they say is what Kafka's protocol says, and the
form is that of the examples in Confluent's API reference."""

import subprocess
from urllib.parse import quote

import httpx
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewTopic,
    ResourceType,
)

import rest
from clients import Record
from clients.confluent import Confluent
from rest import refusal

pytestmark = pytest.mark.furrow_only

SETTINGS = rest.SETTINGS
client = Confluent()


@pytest.fixture(scope="module")
def http(server):
    with rest.rest_client(server) as client:
        yield client


@pytest.fixture(scope="module")
def admin(server) -> AdminClient:
    return AdminClient({"bootstrap.servers": server.bootstrap})


@pytest.fixture(scope="module")
def cluster(admin) -> str:
    """The cluster's path."""
    return f"/v3/clusters/{admin.list_topics(timeout=10).cluster_id}"


def get(http, path) -> dict:
    answer = http.get(path)
    assert answer.status_code == 200, (path, answer.text)
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def related(http, path: str) -> dict:
    return {"related": f"{http.base_url}{path}"}


def resource(http, cluster, kind, path, name, fields, links) -> dict:
    """As the API reference shows a resource."""
    return {
        "kind": kind,
        "metadata": {
            "self": f"{http.base_url}{cluster}{path}",
            "resource_name": f"crn:///kafka={cluster.split('/')[-1]}{name}",
        },
        "cluster_id": cluster.split("/")[-1],
        **fields,
        **{link: related(http, cluster + to) for link, to in links.items()},
    }


def topic_resource(http, cluster, name, partitions, internal=False) -> dict:
    path = f"/topics/{name}"
    return resource(
        http,
        cluster,
        "KafkaTopic",
        path,
        f"/topic={name}",
        {
            "topic_name": name,
            "is_internal": internal,
            "replication_factor": 1,
            "partitions_count": partitions,
            "authorized_operations": [],
        },
        {
            "partitions": path + "/partitions",
            "configs": path + "/configs",
            "partition_reassignments": path + "/partitions/-/reassignment",
        },
    )


def create(http, cluster, **fields) -> httpx.Response:
    return http.post(f"{cluster}/topics", json=fields)


# ---- the cluster


def test_the_cluster_and_its_broker(http, cluster, admin, server):
    links = {
        "controller": "/brokers/1",
        "acls": "/acls",
        "brokers": "/brokers",
        "broker_configs": "/broker-configs",
        "consumer_groups": "/consumer-groups",
        "topics": "/topics",
        "partition_reassignments": "/topics/-/partitions/-/reassignment",
    }
    expected = resource(http, cluster, "KafkaCluster", "", "", {}, links)
    assert get(http, cluster) == expected
    assert get(http, "/v3/clusters") == {
        "kind": "KafkaClusterList",
        "metadata": {"self": f"{http.base_url}/v3/clusters", "next": None},
        "data": [expected],
    }
    known = admin.list_topics(timeout=10).brokers[1]
    broker = resource(
        http,
        cluster,
        "KafkaBroker",
        "/brokers/1",
        "/broker=1",
        {"broker_id": 1, "host": known.host, "port": known.port, "rack": None},
        {"configs": "/brokers/1/configs", "partition_replicas": "/brokers/1/partition-replicas"},
    )
    assert get(http, f"{cluster}/brokers/1") == broker
    assert get(http, f"{cluster}/brokers")["data"] == [broker]
    assert refusal(http.get(f"{cluster}/brokers/2")) == (404, 404)


def test_another_cluster_is_not_found(http, cluster):
    for path in ("", "/brokers", "/topics", "/consumer-groups", "/acls", "/broker-configs"):
        answer = http.get("/v3/clusters/foobar" + path)
        assert refusal(answer) == (404, 404)
        assert answer.json()["message"] == "Cluster foobar cannot be found."


# ---- topics


def test_a_topic_is_created_as_kafka_would(http, cluster, admin, topic):
    answer = create(
        http,
        cluster,
        topic_name=topic,
        partitions_count=3,
        replication_factor=1,
        configs=[{"name": "cleanup.policy", "value": "compact"}, {"name": "retention.ms", "value": "60000"}],
    )
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{http.base_url}{cluster}/topics/{topic}"
    assert answer.json() == topic_resource(http, cluster, topic, 3)
    assert len(admin.list_topics(topic, timeout=10).topics[topic].partitions) == 3
    assert get(http, f"{cluster}/topics/{topic}") == topic_resource(http, cluster, topic, 3)
    assert described(admin, ResourceType.TOPIC, topic)["cleanup.policy"].value == "compact"


def test_the_list_of_topics_is_kafkas_in_order(http, cluster, admin):
    for name in ("list-b", "list-a", "list.c"):
        admin.create_topics([NewTopic(name, 2)])[name].result(10)
    listed = get(http, f"{cluster}/topics")
    assert listed["kind"] == "KafkaTopicList" and listed["metadata"]["next"] is None
    names = [topic["topic_name"] for topic in listed["data"]]
    assert names == sorted(admin.list_topics(timeout=10).topics)
    assert topic_resource(http, cluster, "list-a", 2) in listed["data"]


def test_a_long_list_comes_whole(http, cluster, servers):
    """It leaves in pieces, some of them while the client does not read."""
    other = servers.start(SETTINGS)
    admin = AdminClient({"bootstrap.servers": other.bootstrap})
    names = [f"many-{number:04}" for number in range(400)]
    for done in admin.create_topics([NewTopic(name, 1) for name in names]).values():
        done.result(30)
    with rest.rest_client(other) as client:
        path = client.get("/v3/clusters").json()["data"][0]["topics"]["related"]
        listed = client.get(path).json()["data"]
        assert [topic["topic_name"] for topic in listed] == names
        configs = client.get(f"{path}/-/configs").json()["data"]
        assert [entry["topic_name"] for entry in configs if entry["name"] == "cleanup.policy"] == names
        replicas = client.get(path.replace("/topics", "/brokers/1/partition-replicas")).json()["data"]
        assert [replica["topic_name"] for replica in replicas] == names
        with client.stream("GET", path) as slow:
            read = next(slow.iter_raw(1000))
            assert read
        assert client.get("/health/live").status_code == 200


def test_names_with_colons_lead_back(http, cluster):
    name = "farm:soil"
    assert create(http, cluster, topic_name=name).status_code == 201
    assert get(http, f"{cluster}/topics/{name}") == topic_resource(http, cluster, name, 1)
    assert get(http, f"{cluster}/topics/{quote(name, safe='')}")["topic_name"] == name
    listed = get(http, f"{cluster}/topics/{name}/partitions")["data"]
    assert http.get(listed[0]["metadata"]["self"]).json() == listed[0]


def test_what_is_only_validated_is_not_made(http, cluster, admin, topic):
    answer = create(http, cluster, topic_name=topic, partitions_count=5, validate_only=True)
    assert answer.status_code == 200 and answer.json() == topic_resource(http, cluster, topic, 5)
    assert refusal(http.get(f"{cluster}/topics/{topic}")) == (404, 40403)
    assert refusal(create(http, cluster, topic_name=topic, partitions_count=0, validate_only=True)) == (400, 40002)


def test_replicas_may_be_assigned_where_they_are_anyway(http, cluster, topic):
    assignments = [{"partition_id": 1, "broker_ids": [1]}, {"partition_id": 0, "broker_ids": [1]}]
    assert create(http, cluster, topic_name=topic, replicas_assignments=assignments).json()["partitions_count"] == 2
    assignments[1]["broker_ids"] = [2]
    answer = create(http, cluster, topic_name=topic + "-2", replicas_assignments=assignments)
    assert refusal(answer) == (400, 40002)


@pytest.mark.parametrize(
    "fields",
    [
        {"topic_name": "bad name"},
        {"topic_name": ""},
        {"topic_name": "x" * 250},
        {"topic_name": "t", "partitions_count": -2},
        {"topic_name": "t", "replication_factor": 3},
        {"topic_name": "t", "configs": [{"name": "cleanup.policy", "value": "dance"}]},
        {"topic_name": "t", "configs": [{"name": "no.such.config", "value": "1"}]},
        {"topic_name": "t", "configs": [{"name": "retention.ms"}]},
    ],
)
def test_what_kafka_refuses_is_refused_in_its_words(http, cluster, admin, fields):
    answer = create(http, cluster, **fields)
    assert refusal(answer) == (400, 40002), answer.text
    assert "t" not in admin.list_topics(timeout=10).topics


def test_bodies_are_read_strictly(http, cluster):
    path = f"{cluster}/topics"
    json = {"content-type": "application/json"}
    refused = {
        b"": (422, 42206),
        b"{": (400, 400),
        b"[]": (400, 400),
        b"null": (400, 400),
        b"{}": (400, 400),
        b'{"topic_name":null}': (400, 400),
        b'{"topic_name":7}': (400, 400),
        b'{"topic_name":"t","partitions_count":"3"}': (400, 400),
        b'{"topic_name":"t","partitions_count":1.5}': (400, 400),
        b'{"topic_name":"t","partitions_count":2147483648}': (400, 400),
        b'{"topic_name":"t","replication_factor":32768}': (400, 400),
        b'{"topic_name":"t","configs":{}}': (400, 400),
        b'{"topic_name":"t","configs":[1]}': (400, 400),
        b'{"topic_name":"t","replicas_assignments":[{"partition_id":0,"broker_ids":["1"]}]}': (400, 400),
        b'{"topic_name":"t","nonsense":1}': (422, 422),
        b'{"topic_name":"\xff"}': (400, 400),
        b"[" * 200: (400, 400),
    }
    for body, expected in refused.items():
        assert refusal(http.post(path, content=body, headers=json)) == expected, body
    assert refusal(http.post(path, content=b"{}", headers={"content-type": "text/plain"}))[0] == 415
    assert refusal(http.post(path, content=b" " * (2 << 20), headers=json))[0] == 413
    assert refusal(http.get(f"{cluster}/topics/t")) == (404, 40403)


def test_a_topic_that_is_there_is_not_made_again(http, cluster, topic):
    assert create(http, cluster, topic_name=topic).status_code == 201
    answer = create(http, cluster, topic_name=topic)
    assert answer.status_code == 400
    assert answer.json() == {"error_code": 40002, "message": f"Topic '{topic}' already exists."}


def test_a_topic_grows_and_goes(http, cluster, admin, topic):
    create(http, cluster, topic_name=topic, partitions_count=2)
    path = f"{cluster}/topics/{topic}"
    assert http.patch(path, json={"partitions_count": 4}).json() == topic_resource(http, cluster, topic, 4)
    assert len(admin.list_topics(topic, timeout=10).topics[topic].partitions) == 4
    for wrong in (4, 3, 0, 20000):
        assert refusal(http.patch(path, json={"partitions_count": wrong})) == (400, 40002)
    assert refusal(http.patch(path, json={})) == (400, 400)
    gone = http.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    assert topic not in admin.list_topics(timeout=10).topics
    for method in ("GET", "DELETE"):
        answer = http.request(method, path)
        assert refusal(answer) == (404, 40403)
        assert answer.json()["message"] == "This server does not host this topic-partition."
    assert refusal(http.patch(path, json={"partitions_count": 4})) == (404, 40403)


def test_nobody_asks_who_may_do_what(http, cluster, topic):
    create(http, cluster, topic_name=topic)
    path = f"{cluster}/topics/{topic}"
    everything = "READ WRITE CREATE DELETE ALTER DESCRIBE DESCRIBE_CONFIGS ALTER_CONFIGS".split()
    assert get(http, f"{path}?include_authorized_operations=true")["authorized_operations"] == everything
    assert get(http, f"{path}?include_authorized_operations=false")["authorized_operations"] == []


# ---- partitions


def test_partitions_have_kafkas_offsets(http, cluster, server, admin, topic):
    create(http, cluster, topic_name=topic, partitions_count=2)
    client.produce(server.bootstrap, [Record(value=b"x", partition=1) for _ in range(7)], topic)
    admin.delete_records([TopicPartition(topic, 1, 3)])[TopicPartition(topic, 1)].result(10)
    path = f"/topics/{topic}/partitions"
    partition = resource(
        http,
        cluster,
        "KafkaPartition",
        f"{path}/1",
        f"/topic={topic}/partition=1",
        {"topic_name": topic, "partition_id": 1},
        {
            "leader": f"{path}/1/replicas/1",
            "replicas": f"{path}/1/replicas",
            "reassignment": f"{path}/1/reassignment",
        },
    )
    assert get(http, f"{cluster}{path}/1") == partition
    listed = get(http, f"{cluster}{path}")
    assert [entry["partition_id"] for entry in listed["data"]] == [0, 1] and listed["data"][1] == partition
    offsets = resource(
        http,
        cluster,
        "KafkaPartitionWithOffsets",
        f"{path}/1/offset",
        f"/topic={topic}/partition=1/offset_type=earliest_and_latest",
        {"topic_name": topic, "partition_id": 1, "earliest_offset": 3, "latest_offset": 7},
        {},
    )
    assert get(http, f"{cluster}{path}/1/offset") == offsets
    assert get(http, f"{cluster}{path}/1/offset?offset_type=earliest_and_latest") == offsets
    assert refusal(http.get(f"{cluster}{path}/1/offset?offset_type=foobar")) == (400, 400)


def test_replicas_are_on_this_node(http, cluster, topic):
    create(http, cluster, topic_name=topic)
    path = f"/topics/{topic}/partitions/0/replicas"
    replica = resource(
        http,
        cluster,
        "KafkaReplica",
        f"{path}/1",
        f"/topic={topic}/partition=0/replica=1",
        {"topic_name": topic, "partition_id": 0, "broker_id": 1, "is_leader": True, "is_in_sync": True},
        {"broker": "/brokers/1"},
    )
    assert get(http, f"{cluster}{path}/1") == replica
    assert get(http, f"{cluster}{path}")["data"] == [replica]
    assert replica in get(http, f"{cluster}/brokers/1/partition-replicas")["data"]
    assert refusal(http.get(f"{cluster}{path}/2")) == (404, 404)


def test_nothing_is_reassigned(http, cluster, topic):
    create(http, cluster, topic_name=topic)
    for path in ("/topics/-/partitions/-/reassignment", f"/topics/{topic}/partitions/-/reassignment"):
        listed = get(http, cluster + path)
        assert (listed["kind"], listed["data"]) == ("KafkaReassignmentList", [])
    assert refusal(http.get(f"{cluster}/topics/{topic}/partitions/0/reassignment")) == (404, 404)


@pytest.mark.parametrize("rest_of_path", ["", "/offset", "/replicas", "/replicas/1", "/reassignment"])
def test_partitions_that_are_not_there(http, cluster, topic, rest_of_path):
    create(http, cluster, topic_name=topic)
    path = f"{cluster}/topics/{topic}/partitions/"
    assert refusal(http.get(f"{path}1{rest_of_path}")) == (404, 40402)
    for nonsense in ("x", "-1", "99999999999", "1.5", "%00"):
        assert refusal(http.get(f"{path}{nonsense}{rest_of_path}")) == (404, 404)
    assert refusal(http.get(f"{cluster}/topics/nope/partitions/0{rest_of_path}")) == (404, 40403)
    assert refusal(http.get(f"{cluster}/topics/no%20pe/partitions/0{rest_of_path}")) == (400, 40002)


# ---- settings


def described(admin, kind, name) -> dict[str, ConfigEntry]:
    asked = ConfigResource(kind, name)
    return admin.describe_configs([asked])[asked].result(10)


def as_rest(entry: ConfigEntry) -> dict:
    """What REST says of an entry that Kafka's protocol describes."""
    return {
        "name": entry.name,
        "value": entry.value,
        "is_default": entry.is_default,
        "is_read_only": entry.is_read_only,
        "is_sensitive": entry.is_sensitive,
        "source": ConfigSource(entry.source).name,
        "synonyms": [
            {"name": synonym.name, "value": synonym.value, "source": ConfigSource(synonym.source).name}
            for synonym in entry.synonyms.values()
        ],
    }


def check_configs(http, cluster, path, name, kind, fields, entries: dict[str, ConfigEntry]):
    listed = get(http, f"{cluster}{path}")
    assert listed["kind"] == kind + "List"
    assert [entry["name"] for entry in listed["data"]] == sorted(entries)
    for shown in listed["data"]:
        entry = as_rest(entries[shown["name"]])
        # librdkafka keeps the synonyms by their names: of several of one name it shows one
        entry["synonyms"] = shown["synonyms"] if len(entry["synonyms"]) < len(shown["synonyms"]) else entry["synonyms"]
        setting = shown["name"]
        assert shown == resource(
            http, cluster, kind, f"{path}/{setting}", f"{name}={setting}", {**fields, **entry}, {}
        )


def test_settings_of_a_topic_are_kafkas(http, cluster, admin, topic):
    create(http, cluster, topic_name=topic, configs=[{"name": "segment.bytes", "value": "2000000"}])
    path = f"/topics/{topic}/configs"
    entries = described(admin, ResourceType.TOPIC, topic)
    check_configs(http, cluster, path, f"/topic={topic}/config", "KafkaTopicConfig", {"topic_name": topic}, entries)
    one = get(http, f"{cluster}{path}/segment.bytes")
    assert one in get(http, f"{cluster}{path}")["data"]
    assert one["synonyms"] == [
        {"name": "segment.bytes", "value": "2000000", "source": "DYNAMIC_TOPIC_CONFIG"},
        {"name": "log.segment.bytes", "value": "1073741824", "source": "DEFAULT_CONFIG"},
    ]
    everywhere = get(http, f"{cluster}/topics/-/configs")["data"]
    assert [entry for entry in everywhere if entry["topic_name"] == topic] == get(http, f"{cluster}{path}")["data"]


def test_settings_of_a_topic_are_changed(http, cluster, admin, topic):
    create(http, cluster, topic_name=topic)
    path = f"{cluster}/topics/{topic}/configs"
    assert http.put(f"{path}/compression.type", json={"value": "gzip"}).status_code == 204
    assert described(admin, ResourceType.TOPIC, topic)["compression.type"].value == "gzip"
    batch = [
        {"name": "compression.type", "operation": "DELETE"},
        {"name": "retention.ms", "value": "5000"},
        {"name": "cleanup.policy", "value": "compact", "operation": "APPEND"},
    ]
    only_validated = http.post(f"{path}:alter", json={"data": batch, "validate_only": True})
    assert only_validated.status_code == 204
    assert get(http, f"{path}/compression.type")["value"] == "gzip"
    assert http.post(f"{path}:alter", json={"data": batch}).status_code == 204
    entries = described(admin, ResourceType.TOPIC, topic)
    assert entries["compression.type"].value == "producer"
    assert entries["retention.ms"].value == "5000"
    assert entries["cleanup.policy"].value == "delete,compact"
    assert http.delete(f"{path}/retention.ms").status_code == 204
    assert get(http, f"{path}/retention.ms")["source"] == "DEFAULT_CONFIG"


def test_settings_are_changed_as_a_whole_or_not_at_all(http, cluster, topic):
    create(http, cluster, topic_name=topic)
    path = f"{cluster}/topics/{topic}/configs"
    good = {"name": "retention.ms", "value": "5000"}
    refused = [
        ({"name": "cleanup.policy", "value": "dance"}, (400, 40002)),
        ({"name": "no.such", "value": "1"}, (404, 404)),
        ({"name": "retention.bytes"}, (400, 40002)),
        (good, (400, 40002)),  # twice
        ({"name": "retention.bytes", "value": "1", "operation": "NONSENSE"}, (400, 400)),
        ({"value": "1"}, (400, 400)),
        ({"name": "retention.bytes", "value": 1}, (400, 400)),
        ({"name": "retention.bytes", "value": "1", "extra": 0}, (422, 422)),
    ]
    for entry, expected in refused:
        assert refusal(http.post(f"{path}:alter", json={"data": [good, entry]})) == expected, entry
    assert get(http, f"{path}/retention.ms")["is_default"]
    assert refusal(http.put(f"{path}/cleanup.policy", json={})) == (400, 40002)
    assert refusal(http.put(f"{path}/no.such", json={"value": "1"})) == (404, 404)
    assert refusal(http.delete(f"{path}/no.such")) == (404, 404)
    assert refusal(http.get(f"{path}/no.such")) == (404, 404)
    assert refusal(http.put(f"{cluster}/topics/nope/configs/retention.ms", json={"value": "1"})) == (404, 40403)


def test_settings_of_the_broker(http, cluster, admin):
    entries = described(admin, ResourceType.BROKER, "1")
    path = "/brokers/1/configs"
    check_configs(http, cluster, path, "/broker=1/config", "KafkaBrokerConfig", {"broker_id": 1}, entries)
    assert get(http, f"{cluster}/brokers/-/configs")["data"] == get(http, cluster + path)["data"]
    setting = f"{cluster}{path}/log.segment.bytes"
    assert http.put(setting, json={"value": "300000000"}).status_code == 204
    assert described(admin, ResourceType.BROKER, "1")["log.segment.bytes"].value == "300000000"
    assert get(http, setting)["source"] == "DYNAMIC_BROKER_CONFIG"
    assert http.post(
        f"{cluster}{path}:alter", json={"data": [{"name": "log.segment.bytes", "operation": "DELETE"}]}
    ).is_success
    assert get(http, setting)["source"] == "DEFAULT_CONFIG"
    assert refusal(http.put(f"{cluster}{path}/listeners", json={"value": "127.0.0.1:1"})) == (400, 40002)
    assert refusal(http.get(f"{cluster}/brokers/7/configs")) == (404, 404)
    assert refusal(http.put(f"{cluster}/brokers/7/configs/log.segment.bytes", json={"value": "1"})) == (404, 404)


def test_settings_for_all_brokers(http, cluster, admin):
    path = f"{cluster}/broker-configs"
    assert get(http, path)["data"] == []
    assert http.put(f"{path}/log.retention.ms", json={"value": "7777777"}).status_code == 204
    shown = resource(
        http,
        cluster,
        "KafkaClusterConfig",
        "/broker-configs/log.retention.ms",
        "/broker-config=log.retention.ms",
        {
            "config_type": "BROKER",
            "name": "log.retention.ms",
            "value": "7777777",
            "is_default": False,
            "is_read_only": False,
            "is_sensitive": False,
            "source": "DYNAMIC_DEFAULT_BROKER_CONFIG",
            "synonyms": [
                {"name": "log.retention.ms", "value": "7777777", "source": "DYNAMIC_DEFAULT_BROKER_CONFIG"}
            ],
        },
        {},
    )
    assert get(http, f"{path}/log.retention.ms") == shown
    assert get(http, path)["data"] == [shown]
    entry = described(admin, ResourceType.BROKER, "1")["log.retention.ms"]
    assert (entry.value, ConfigSource(entry.source).name) == ("7777777", "DYNAMIC_DEFAULT_BROKER_CONFIG")
    assert http.delete(f"{path}/log.retention.ms").status_code == 204
    assert get(http, path)["data"] == []
    assert refusal(http.get(f"{path}/log.retention.ms")) == (404, 404)
    assert described(admin, ResourceType.BROKER, "1")["log.retention.ms"].is_default
    assert http.delete(f"{path}/log.retention.ms").status_code == 204


# ---- ACLs


def test_acls_are_refused_as_without_an_authorizer(http, cluster):
    rule = {
        "resource_type": "TOPIC",
        "resource_name": "t",
        "pattern_type": "LITERAL",
        "principal": "User:alice",
        "host": "*",
        "operation": "READ",
        "permission": "ALLOW",
    }
    path = f"{cluster}/acls"
    needed = "resource_type=TOPIC&pattern_type=LITERAL&operation=READ&permission=ALLOW"
    for answer in (
        http.get(path),
        http.get(f"{path}?principal=User:alice"),
        http.delete(f"{path}?{needed}"),
        http.post(path, json=rule),
        http.post(f"{path}:batch", json={"data": [rule, rule]}),
    ):
        assert refusal(answer) == (400, 40002), answer.request
        assert "Authorizer" in answer.json()["message"]
    for field in ("resource_type", "pattern_type", "operation", "permission"):
        answer = http.post(path, json={**rule, field: "ANY"})
        assert (refusal(answer), answer.json()["message"]) == ((400, 400), f"{field} cannot be ANY")
    assert refusal(http.post(f"{path}:batch", json={"data": [{**rule, "host": None}]})) == (400, 400)
    assert refusal(http.delete(path)) == (400, 400)
    assert refusal(http.get(f"{path}?operation=NONSENSE")) == (400, 400)


# ---- the form


def test_links_lead_where_they_say(http, cluster, topic):
    """Every link of every resource that can be reached from the clusters is answered, and by what calls itself so."""
    create(http, cluster, topic_name=topic, partitions_count=2)
    seen, waiting = set(), [f"{http.base_url}/v3/clusters"]
    while waiting:
        url = waiting.pop()
        if url in seen or "/configs/" in url:
            continue
        seen.add(url)
        answer = http.get(url)
        if url.endswith("/reassignment") and "/-/" not in url or url.endswith("/acls"):
            assert answer.status_code in (404, 400)
            continue
        assert answer.status_code == 200, url
        body = answer.json()
        assert body["metadata"]["self"] == url
        for entry in body.get("data", [body]):
            links = [value["related"] for value in entry.values() if isinstance(value, dict) and "related" in value]
            waiting += [*links, entry["metadata"]["self"]]
    assert len(seen) > 20


def test_links_name_the_host_that_was_asked(http, cluster):
    for host in ("furrow.example:8443", "[::1]:9"):
        answer = http.get("/v3/clusters", headers={"host": host})
        assert answer.json()["metadata"]["self"] == f"http://{host}/v3/clusters"


def test_head_says_what_get_says_but_its_body(http, cluster):
    got, head = http.get(cluster), http.head(cluster)
    assert head.content == b"" and head.headers["content-length"] == got.headers["content-length"]


def test_curl_needs_no_more_than_the_readme_says(server, topic):
    url = f"http://127.0.0.1:{rest.rest_port(server)}/v3/clusters/-"
    run = lambda *words: subprocess.run(["curl", "-sS", "--fail", *words], capture_output=True, check=True, timeout=20)  # noqa: E731
    run("--json", f'{{"topic_name":"{topic}","partitions_count":3}}', f"{url}/topics")
    assert b'"latest_offset":0' in run(f"{url}/topics/{topic}/partitions/0/offset").stdout
    run("-X", "PUT", "--json", '{"value":"86400000"}', f"{url}/topics/{topic}/configs/retention.ms")
    assert b'"86400000"' in run(f"{url}/topics/{topic}/configs/retention.ms").stdout
    run("-X", "DELETE", f"{url}/topics/{topic}")


def test_a_dash_is_short_for_the_cluster(http, cluster, topic):
    create(http, cluster, topic_name=topic)
    assert get(http, "/v3/clusters/-") == get(http, cluster)
    assert get(http, f"/v3/clusters/-/topics/{topic}") == get(http, f"{cluster}/topics/{topic}")
