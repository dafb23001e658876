"""Writing by HTTP: what curl and Python send is what Kafka's clients read, byte for byte."""

import base64
import gzip
import http.client
import json
import random
import re
import socket
import subprocess
import threading
import time

import pytest

from clients import Record
from clients.confluent import Confluent
from clients.kcat import kcat

pytestmark = pytest.mark.furrow_only

SETTINGS = {"rest.listeners": "127.0.0.1:0", "auto.create.topics.enable": "true"}
BINARY = "application/vnd.kafka.binary.v2+json"
JSON = "application/vnd.kafka.json.v2+json"
client = Confluent()


def rest_port(server) -> int:
    return int(re.findall(r"protocol=http\b.*\bport=(\d+)", server.log.read_text())[-1])


class Rest:
    def __init__(self, server):
        self.server = server

    def post(self, path, body, headers=None, chunks=False):
        """Status and text."""
        connection = http.client.HTTPConnection("127.0.0.1", rest_port(self.server), timeout=30)
        try:
            connection.request("POST", path, body, headers or {}, encode_chunked=chunks)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def post_json(self, path, value, kind="application/json", **headers):
        status, text = self.post(path, json.dumps(value), {"Content-Type": kind, **headers})
        return status, json.loads(text)

    def cluster(self):
        return re.search(r"cluster_id=(\S+)", self.server.log.read_text())[1]

    def records(self, topic):
        return f"/v3/clusters/{self.cluster()}/topics/{topic}/records"


@pytest.fixture(scope="module")
def rest(server) -> Rest:
    return Rest(server)


@pytest.fixture
def curl(server):
    def run(path, *arguments, stdin=None):
        url = f"http://127.0.0.1:{rest_port(server)}{path}"
        command = ["curl", "-sS", "--fail-with-body", "--max-time", "30", *arguments, url]
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=60)
        assert done.returncode == 0, (done.stderr, done.stdout)
        return done.stdout.decode()

    return run


def b64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def read(server, topic, count, **more) -> list[Record]:
    return client.consume(server.bootstrap, topic, count, **more)


def some_bytes(random_source, most=300) -> bytes | None:
    kind = random_source.randrange(5)
    if kind == 0:
        return None
    if kind == 1:
        return b""
    return random_source.randbytes(random_source.randrange(1, most))


# ---- REST Proxy v2 ----


def test_v2_binary_is_read_byte_for_byte(rest, server, topic):
    source = random.Random(2)
    sent = [Record(some_bytes(source), some_bytes(source)) for _ in range(200)]
    records = [{"key": b64(record.key), "value": b64(record.value)} for record in sent]
    status, answer = rest.post_json(f"/topics/{topic}", {"records": records}, BINARY)
    assert status == 200 and answer["key_schema_id"] is None and answer["value_schema_id"] is None
    assert answer["offsets"] == [{"partition": 0, "offset": n, "error_code": None, "error": None} for n in range(200)]
    assert [(r.key, r.value) for r in read(server, topic, 200)] == [(r.key, r.value) for r in sent]


def test_v2_json_is_kept_as_text_without_blanks(rest, server, topic):
    body = '{"records": [{"key": "k\\u00e4", "value": {"a b": [1, 1.10, 18446744073709551615]}}, {"value": null}]}'
    status, _ = rest.post(f"/topics/{topic}", body, {"Content-Type": JSON})
    assert status == 200
    first, second = read(server, topic, 2)
    assert (first.key, first.value) == (b'"k\\u00e4"', b'{"a b":[1,1.10,18446744073709551615]}')
    assert (second.key, second.value) == (None, None)


def test_v2_says_of_each_record_what_became_of_it(rest, server, topic):
    client.create_topic(server.bootstrap, topic, 2, {"cleanup.policy": "compact"})
    records = [{"key": "aw==", "value": "dg==", "partition": 1}, {"value": "dg=="}, {"key": "aw==", "partition": 7}]
    status, answer = rest.post_json(f"/topics/{topic}", {"records": records}, BINARY)
    written, keyless, nowhere = answer["offsets"]
    assert status == 200
    assert written == {"partition": 1, "offset": 0, "error_code": None, "error": None}
    assert keyless["error_code"] == 50002 and "without key" in keyless["error"]
    assert nowhere["error_code"] == 50003 and "Partition 7" in nowhere["error"]
    assert (keyless["partition"], keyless["offset"]) == (None, None)


@pytest.mark.parametrize(
    "kind,body,status,code",
    [
        (BINARY, '{"records":[{"value":"***"}]}', 422, 42203),
        (BINARY, '{"records":[{"value":7}]}', 422, 42203),
        (BINARY, '{"records":[{"velue":""}]}', 422, 422),
        (BINARY, '{"recards":[]}', 422, 422),
        (BINARY, '{"records":[]}', 422, 422),
        (BINARY, "{}", 422, 422),
        (BINARY, "", 422, 42206),
        (BINARY, '{"records":[', 400, 400),
        (BINARY, '{"records":[{"partition":2147483648,"value":""}]}', 400, 400),
        (JSON, '{"records":[{"value":' + "[" * 100 + "]" * 100 + "}]}", 400, 400),
        (JSON, b'{"records":[{"value":"\xff"}]}', 400, 400),
        ("application/vnd.kafka.avro.v2+json", '{"records":[{"value":1}]}', 422, 42206),
        ("text/plain", '{"records":[{"value":1}]}', 415, 415),
    ],
)
def test_v2_refuses_what_is_no_request_and_leaves_no_topic(rest, server, topic, kind, body, status, code):
    found, text = rest.post(f"/topics/{topic}", body, {"Content-Type": kind})
    assert (found, json.loads(text)["error_code"]) == (status, code), text
    assert topic not in kcat(server.bootstrap, "-L").stdout.decode()


@pytest.mark.parametrize(
    "accept,status,kind",
    [
        ("application/json", 200, "application/json"),
        ("application/vnd.kafka.v2+json, application/json", 200, "application/vnd.kafka.v2+json"),
        ("*/*", 200, "application/vnd.kafka.v2+json"),
        ("text/html", 406, "application/vnd.kafka.v2+json"),
    ],
)
def test_v2_answers_in_the_type_that_is_accepted(server, topic, accept, status, kind):
    connection = http.client.HTTPConnection("127.0.0.1", rest_port(server), timeout=30)
    connection.request("POST", f"/topics/{topic}", '{"records":[{}]}', {"Content-Type": BINARY, "Accept": accept})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["content-type"]) == (status, kind)
    connection.close()
    assert (topic in kcat(server.bootstrap, "-L").stdout.decode()) == (status == 200)


def test_v2_a_path_names_the_partition(rest, server, topic):
    client.create_topic(server.bootstrap, topic, 3)
    status, answer = rest.post_json(f"/topics/{topic}/partitions/2", {"records": [{"value": "eA=="}]}, BINARY)
    assert status == 200 and answer["offsets"][0]["partition"] == 2
    status, answer = rest.post_json(f"/topics/{topic}/partitions/3", {"records": [{"value": "eA=="}]}, BINARY)
    assert (status, answer["error_code"]) == (404, 40402)


def test_a_topic_that_may_not_be_made_is_not_found(servers):
    server = servers.start({"rest.listeners": "127.0.0.1:0", "auto.create.topics.enable": "false"})
    rest = Rest(server)
    assert rest.post_json("/topics/missing", {"records": [{"value": "eA=="}]}, BINARY)[1]["error_code"] == 40401
    assert rest.post("/topics/missing/raw", "x")[0] == 404
    assert rest.post(rest.records("missing"), "{}", {"Content-Type": "application/json"})[0] == 404
    assert rest.post("/topics/missing/records", "{}\n")[0] == 404


def test_keys_go_where_kafkas_java_clients_put_them(rest, server, topic):
    client.create_topic(server.bootstrap, topic, 7)
    keys = [f"key {number}" for number in range(100)]
    body = "".join(json.dumps({"key": key, "value": "x"}) + "\n" for key in keys)
    assert rest.post(f"/topics/{topic}/records", body)[0] == 200
    lines = "".join(f"{key}\ty\n" for key in keys).encode()
    kcat(server.bootstrap, "-P", "-t", topic, "-K", "\\t", "-X", "topic.partitioner=murmur2_random", input=lines)
    out = kcat(server.bootstrap, "-C", "-t", topic, "-e", "-q", "-f", "%k %p\\n").stdout.decode()
    found = sorted(out.splitlines())
    assert len(found) == 200 and found[::2] == found[1::2]


# ---- REST v3 ----


def test_v3_streams_records_in_and_reports_out(rest, server, topic):
    when = 1_700_000_000_123
    records = [
        {"key": {"type": "STRING", "data": "kä"}, "value": {"type": "JSON", "data": {"a": [1, None]}}},
        {"value": {"type": "BINARY", "data": b64(b"\0\xff")}, "timestamp": "2023-11-14T22:13:20.123Z"},
        {"headers": [{"name": "h", "value": b64(b"\x01")}, {"name": "h", "value": None}], "value": None},
        {"key": {"type": "BINARY", "data": None}, "value": {"type": "STRING", "data": ""}},
    ]
    body = "".join(map(json.dumps, records))
    status, text = rest.post(rest.records(topic), body, {"Content-Type": "application/json"})
    reports = [json.loads(line) for line in text.splitlines()]
    assert status == 200 and [report["error_code"] for report in reports] == [200] * 4
    assert [report["offset"] for report in reports] == [0, 1, 2, 3]
    assert reports[0]["cluster_id"] == rest.cluster() and reports[0]["topic_name"] == topic
    assert reports[0]["key"] == {"type": "STRING", "size": 3} and reports[0]["value"] == {"type": "JSON", "size": 14}
    assert reports[1]["timestamp"] == "2023-11-14T22:13:20.123Z" and "key" not in reports[1]
    found = read(server, topic, 4)
    assert [(r.key, r.value) for r in found] == [
        ("kä".encode(), b'{"a":[1,null]}'), (None, b"\0\xff"), (None, None), (None, b"")]  # fmt: skip
    assert found[1].timestamp == when and found[2].headers == (("h", b"\x01"), ("h", None))


def test_v3_reports_come_while_records_still_go(rest, server, topic):
    connection = http.client.HTTPConnection("127.0.0.1", rest_port(server), timeout=10)
    connection.putrequest("POST", rest.records(topic))
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    reader = None
    for number in range(5):
        record = json.dumps({"value": {"type": "STRING", "data": str(number)}}).encode()
        connection.send(b"%x\r\n%s\r\n" % (len(record), record))
        reader = reader or connection.getresponse()
        assert json.loads(reader.readline())["offset"] == number
    connection.send(b"0\r\n\r\n")
    assert reader.read() == b""
    connection.close()


def test_v3_who_does_not_read_reports_is_not_listened_to(rest, server, topic):
    """Both sides are held back, nothing is lost, and the server's memory stays what it was."""
    record = b'{"value":{"type":"STRING","data":"0123456789"}}'
    count = 200_000  # more than the kernel's buffers take
    head = f"POST {rest.records(topic)}?acks=1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    head += "Connection: close\r\n"
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        peer.connect(("127.0.0.1", rest_port(server)))
        peer.sendall(f"{head}Content-Length: {len(record) * count}\r\n\r\n".encode())
        before = server.resident_bytes()
        peer.settimeout(0.5)
        sent = 0
        body = record * count
        with pytest.raises(TimeoutError):
            while sent < len(body):
                sent += peer.send(body[sent : sent + 65536])
        assert sent < len(body)
        # A sanitizer keeps for a while what is freed.
        assert server.sanitized or server.resident_bytes() - before < 16 << 20
        peer.settimeout(30)
        writer = threading.Thread(target=peer.sendall, args=(body[sent:],))
        writer.start()
        answer = b"".join(iter(lambda: peer.recv(1 << 20), b""))
        writer.join()
    assert answer.count(b'"error_code":200') == count
    assert client.end_offset(server.bootstrap, topic) == count


def test_v3_a_record_that_is_wrong_does_not_stop_the_others(rest, topic):
    good = '{"value":{"type":"STRING","data":"x"}}'
    wrong = ['{"value":{"type":"BINARY","data":"*"}}', '{"valve":1}', '{"partition_id":99}', '{"value":{"data":"x"}}']
    status, text = rest.post(rest.records(topic), good + good.join(wrong) + good + "{]",
                             {"Content-Type": "application/json"})  # fmt: skip
    codes = [json.loads(line)["error_code"] for line in text.splitlines()]
    assert status == 200 and codes == [200, 400, 200, 400, 200, 40403, 200, 42206, 200, 400]


def test_v3_batch(rest, server, topic):
    path = rest.records(topic) + ":batch"
    good, bad = {"type": "STRING", "data": "x"}, {"type": "BINARY", "data": "*"}
    entries = [{"id": "a", "value": good}, {"id": "b", "value": bad}]
    status, answer = rest.post_json(path, {"entries": entries})
    assert status == 207
    assert [(entry["id"], entry["offset"]) for entry in answer["successes"]] == [("a", 0)]
    assert [(entry["id"], entry["error_code"]) for entry in answer["failures"]] == [("b", 400)]
    for wrong in ([], [{"id": "a"}] * 2, [{"id": "ä"}], [{}], [{"id": str(n)} for n in range(11)]):
        assert rest.post_json(path, {"entries": wrong})[0] == 422
    assert read(server, topic, 1)[0].value == b"x"


# ---- plainly ----


def test_curl_writes_a_file_as_one_record(curl, server, topic, tmp_path):
    data = random.Random(3).randbytes(100_000)
    (tmp_path / "file").write_bytes(data)
    report = json.loads(curl(f"/topics/{topic}/raw", "--data-binary", f"@{tmp_path}/file", "-H", "X-Record-Key: k",
                             "-H", "X-Record-Header-Color: blue", "-H", "X-Record-Header-Empty;",
                             "-H", "X-Record-Timestamp: 1700000000123"))  # fmt: skip
    assert report["offset"] == 0 and report["value"] == {"type": "BINARY", "size": 100_000}
    curl(f"/topics/{topic}/raw?tombstone", "-X", "POST", "-H", "X-Record-Key-Base64: AP8=")
    curl(f"/topics/{topic}/raw", "-X", "POST")
    first, second, third = read(server, topic, 3)
    assert (first.key, first.value, first.timestamp) == (b"k", data, 1_700_000_000_123)
    assert first.headers == (("Color", b"blue"), ("Empty", b""))
    assert (second.key, second.value) == (b"\0\xff", None)
    assert (third.key, third.value) == (None, b"")


def test_lines_of_any_size_are_read_as_they_were_sent(curl, server, topic, tmp_path):
    source = random.Random(4)
    sent = []
    with open(tmp_path / "lines", "w") as lines:
        for number in range(20_000):
            key, value = some_bytes(source), some_bytes(source, 3000 if number % 100 == 0 else 100)
            headers = [("h%d" % n, some_bytes(source, 20)) for n in range(source.randrange(3))]
            sent.append(Record(value, key, tuple(headers), timestamp=1_600_000_000_000 + number))
            lines.write(json.dumps({
                "timestamp": 1_600_000_000_000 + number,
                "headers": [{"name": name, "value": b64(data)} for name, data in headers],
                "key": None if key is None else {"type": "BINARY", "data": b64(key)},
                "value": None if value is None else {"type": "BINARY", "data": b64(value)},
            }) + "\n")  # fmt: skip
    client.create_topic(server.bootstrap, topic, 1)
    answer = json.loads(curl(f"/topics/{topic}/records", "-X", "POST", "-T", str(tmp_path / "lines"),
                             "-H", "Content-Type: application/x-ndjson"))  # fmt: skip
    partition = {"partition_id": 0, "records": 20_000, "first_offset": 0, "last_offset": 19_999}
    assert answer == {
        "topic_name": topic,
        "records": 20_000,
        "partitions": [partition],
        "failed": 0,
        "failures": [],
    }
    found = read(server, topic, 20_000)
    assert [(r.key, r.value, r.headers, r.timestamp) for r in found] == [
        (r.key, r.value, r.headers, r.timestamp) for r in sent
    ]


@pytest.mark.parametrize(
    "config", [{"compression.type": "zstd"}, {"message.timestamp.type": "LogAppendTime"}, {"cleanup.policy": "compact"}]
)
def test_lines_go_into_topics_of_any_kind(rest, server, topic, config):
    client.create_topic(server.bootstrap, topic, 1, config)
    body = "".join(json.dumps({"key": f"k{n}", "value": "v" * 50, "timestamp": 1_000}) + "\n" for n in range(30_000))
    for _ in range(2):
        status, text = rest.post(f"/topics/{topic}/records", body, {"Idempotency-Key": topic})
        assert status == 200 and json.loads(text)["records"] == 30_000, text
    found = read(server, topic, 30_000)
    assert [record.key for record in found] == [b"k%d" % n for n in range(30_000)]
    assert all((record.timestamp == 1_000) == ("message.timestamp.type" not in config) for record in found)
    assert client.end_offset(server.bootstrap, topic) == 30_000


def test_a_line_that_is_no_record_is_told_and_the_others_are_written(rest, server, topic):
    body = b'{"value":"a"}\n\n{"value":\n{"value":"b","topic":"another"}\n{"value":"\xff"}\n'
    body += b'{"mark":"pulse"}\n{"value":"c"}'
    status, text = rest.post(f"/topics/{topic}/records", body)
    answer = json.loads(text)
    assert (status, answer["records"], answer["failed"]) == (400, 2, 3)
    assert [failure["record"] for failure in answer["failures"]] == [2, 3, 4]
    assert [record.value for record in read(server, topic, 2)] == [b"a", b"c"]


def test_a_record_that_is_larger_than_the_topic_takes(rest, server, topic):
    client.create_topic(server.bootstrap, topic, 1, {"max.message.bytes": "1000"})
    body = "".join(json.dumps({"value": "x" * size}) + "\n" for size in (10, 2000, 20))
    status, text = rest.post(f"/topics/{topic}/records", body)
    answer = json.loads(text)
    assert (answer["records"], answer["failed"], answer["failures"][0]["record"]) == (2, 1, 2)
    assert answer["failures"][0]["error_code"] == 413
    assert rest.post(f"/topics/{topic}/raw", "x" * 2000)[0] == 413
    assert rest.post(f"/topics/{topic}/raw", "x" * 900)[0] == 200


def test_a_compressed_body_is_not_taken_for_a_value(rest, topic):
    for path in (f"/topics/{topic}/raw", f"/topics/{topic}/records"):
        assert rest.post(path, gzip.compress(b"{}"), {"Content-Encoding": "gzip"})[0] == 415
        assert rest.post(path, b"{}", {"Content-Encoding": "identity"})[0] == 200


def test_what_is_read_can_be_written_elsewhere(curl, server, topic):
    source = random.Random(5)
    sent = [
        Record(
            some_bytes(source),
            some_bytes(source),
            tuple((f"h{n}", some_bytes(source, 20)) for n in range(source.randrange(3))),
            timestamp=source.choice([0, 1, 1_700_000_000_123, 253_402_300_800_000]),
            partition=source.randrange(3),
        )
        for _ in range(1000)
    ]
    for name in (topic, f"{topic}-copy"):
        client.create_topic(server.bootstrap, name, 3, {"message.timestamp.after.max.ms": str(2**63 - 1)})
    client.produce(server.bootstrap, sent, topic, codec="zstd")
    lines = curl(f"/topics/{topic}/records?since=all&limit=100000", "-H", "Accept: application/x-ndjson").encode()
    copied = lines.replace(topic.encode(), f"{topic}-copy".encode())
    assert json.loads(curl(f"/topics/{topic}-copy/records", "--data-binary", "@-", stdin=copied))["records"] == 1000
    for partition in range(3):
        count = sum(record.partition == partition for record in sent)
        first = read(server, topic, count, partition=partition)
        assert read(server, f"{topic}-copy", count, partition=partition) == first and len(first) == count


# ---- sent again ----


def test_a_request_with_an_idempotency_key_is_written_once_also_after_a_kill(servers):
    server = servers.start(SETTINGS)
    rest = Rest(server)
    client.create_topic(server.bootstrap, "once", 3)
    body = "".join(json.dumps({"key": f"k{n}" if n % 2 else None, "value": f"{n}"}) + "\n" for n in range(1000))
    big = "".join(json.dumps({"value": "%099d" % n}) + "\n" for n in range(30_000))  # several batches
    records = {"records": [{"value": b64(b"%d" % n)} for n in range(100)]}

    def send_all():
        return (
            rest.post("/topics/once/records", body, {"Idempotency-Key": "lines"}),
            rest.post("/topics/once/records", big, {"Idempotency-Key": "many lines"})[0],
            rest.post("/topics/once/raw", "raw", {"Idempotency-Key": "raw"}),
            rest.post("/topics/once", json.dumps(records), {"Idempotency-Key": "v2", "Content-Type": BINARY}),
        )

    first = send_all()
    assert [first[0][0], first[1], first[2][0], first[3][0]] == [200] * 4
    assert send_all()[1] == 200
    server.kill()
    server.start()
    again = send_all()
    assert again[0] == first[0] and again[3] == first[3] and again[1] == 200
    assert json.loads(again[2][1])["offset"] == json.loads(first[2][1])["offset"]
    assert rest.post("/topics/once/raw", "raw", {"Idempotency-Key": "another"})[0] == 200
    out = kcat(server.bootstrap, "-C", "-t", "once", "-e", "-q", "-f", "%s\\n").stdout.decode().splitlines()
    assert len(out) == 1000 + 30_000 + 1 + 100 + 1


def test_a_body_that_is_cut_may_be_sent_again(rest, server, topic):
    lines = [json.dumps({"value": "%0200d" % n}) + "\n" for n in range(10_000)]
    client.create_topic(server.bootstrap, topic, 1)
    connection = http.client.HTTPConnection("127.0.0.1", rest_port(server), timeout=10)
    connection.putrequest("POST", f"/topics/{topic}/records")
    connection.putheader("Idempotency-Key", topic)
    connection.putheader("Content-Length", str(sum(map(len, lines))))
    connection.endheaders("".join(lines[:7000]).encode()[:-50])
    deadline = time.monotonic() + 10
    while not client.end_offset(server.bootstrap, topic) and time.monotonic() < deadline:
        time.sleep(0.02)
    connection.close()
    status, text = rest.post(f"/topics/{topic}/records", "".join(lines), {"Idempotency-Key": topic})
    assert (status, json.loads(text)["records"]) == (200, 10_000)
    values = [record.value for record in read(server, topic, 10_000)]
    assert values == [b"%0200d" % n for n in range(10_000)]
    assert client.end_offset(server.bootstrap, topic) == 10_000
