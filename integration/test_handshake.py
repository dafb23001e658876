"""What a connection may say first, and what the server answers: ApiVersions and framing."""

import struct

import pytest

from wire import API_VERSIONS, METADATA, Connection, Reader, array, batch, produce_request, read_api_array, request

# librdkafka 2.0 turns a feature off when the advertised versions leave one of these out.
LIBRDKAFKA_WINDOWS = {
    0: (3, 7),
    1: (4, 10),
    2: (1, 1),
    8: (2, 2),
    9: (1, 1),
    10: (0, 0),
    11: (0, 0),
    12: (0, 0),
    13: (0, 0),
    14: (0, 0),
    17: (0, 1),
    22: (0, 0),
    36: (0, 0),
}


@pytest.fixture
def connection(server):
    with Connection(server.bootstrap) as connection:
        yield connection


def compact_string(text: str) -> bytes:
    return bytes([len(text) + 1]) + text.encode()


def flexible_body(name: str = "wire", version: str = "1.0") -> bytes:
    return compact_string(name) + compact_string(version) + b"\0"


def read_flexible(reader: Reader) -> tuple[int, dict[int, tuple[int, int]]]:
    """The error and the versions of an ApiVersions response v3 or later; tagged fields at the end are skipped."""
    error = reader.number("h")
    count, shift = 0, 0
    while (byte := reader.number("B")) & 0x80:
        count, shift = count | (byte & 0x7F) << shift, shift + 7
    versions = {}
    for _ in range((count | byte << shift) - 1):
        key, low, high = (reader.number("h") for _ in range(3))
        assert reader.number("B") == 0
        versions[key] = (low, high)
    return error, versions


@pytest.mark.parametrize("version", [0, 1, 2])
def test_the_windows_of_librdkafka_are_advertised(connection, version):
    versions = connection.api_versions(version)
    for key, (low, high) in LIBRDKAFKA_WINDOWS.items():
        if key not in (17, 36) or key in versions:  # Apache Kafka has SASL's two only where SASL is configured.
            assert versions[key][0] <= low <= high <= versions[key][1], key
    assert versions[0][0] == 0, "or librdkafka turns gzip, snappy and lz4 off"
    assert versions[API_VERSIONS][0] == 0


@pytest.mark.parametrize("version", [3, 4])
def test_flexible_versions_list_the_same(connection, version):
    plain = connection.api_versions(0)
    connection.send(request(API_VERSIONS, version, flexible_body(), flexible=True))
    assert read_flexible(connection.response()) == (0, plain)


def test_a_version_from_the_future_is_answered_in_version_0(connection):
    connection.send(request(API_VERSIONS, 99, b"whatever a future version may hold", flexible=True))
    reader = connection.response()
    assert reader.number("h") == 35
    versions = read_api_array(reader)
    reader.end()
    assert versions[API_VERSIONS][1] >= 4
    # The client asks again on the same connection.
    assert 0 in connection.api_versions(0)


@pytest.mark.parametrize("name,version", [("", "1"), ("wire", ""), ("-wire", "1"), ("wire", "1 0"), ("wire-", "1")])
def test_a_client_must_have_a_proper_name(connection, name, version):
    connection.send(request(API_VERSIONS, 3, flexible_body(name, version), flexible=True))
    assert connection.response().number("h") == 42


def test_unknown_tagged_fields_are_skipped(connection):
    # A tag in the request's header, and one at the body's end.
    frame = struct.pack(">hhih", API_VERSIONS, 3, 1, -1) + b"\1\x63\3abc" + flexible_body()[:-1] + b"\1\x64\2xy"
    connection.send(struct.pack(">i", len(frame)) + frame)
    assert read_flexible(connection.response())[0] == 0


@pytest.mark.parametrize("version", [10, 11])
def test_topics_are_asked_by_id_from_metadata_12_on(connection, version):
    topics = b"\x02" + bytes(range(16)) + b"\0" + b"\0"
    flags = b"\0" * (3 if version == 10 else 2)
    connection.send(request(METADATA, version, topics + flags + b"\0", flexible=True))
    reader = connection.response()
    assert reader.take(6) == b"\0" * 5 + b"\x01"  # tags, no throttling, no brokers
    assert (reader.take(1), reader.number("i")) == (b"\0", -1)
    assert reader.take(1) == b"\x02"
    assert reader.number("h") == 42
    assert reader.take(17) == b"\x01" + bytes(range(16))


@pytest.mark.parametrize("key,version", [(9999, 0), (-1, 0), (METADATA, 99), (METADATA, -1), (7, 0)])
def test_an_unknown_request_closes_the_connection(server, connection, key, version):
    connection.send(request(key, version, array()))
    assert connection.closed()


def test_pipelined_requests_are_answered_in_order(server, connection, topic):
    connection.create_topic(topic)
    connection.send(
        b"".join(produce_request(topic, batch(b"%d" % number), acks=-1, correlation=number) for number in range(100))
    )
    assert [connection.produced(number) for number in range(100)] == [(0, number) for number in range(100)]


def test_a_request_may_come_byte_by_byte(connection):
    for byte in request(API_VERSIONS, 0, b""):
        connection.send(bytes([byte]))
    assert connection.response().number("h") == 0
