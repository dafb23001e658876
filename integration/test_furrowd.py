"""What furrowd does otherwise than Apache Kafka, or has alone: its command line, its listeners, its topic names."""

import os
import re
import signal
import subprocess
import time

import pytest

from clients import Record, content
from clients.confluent import Confluent
from clients.driver import FranzGo
from clients.kcat import Kcat, kcat
from installed import TREE
from servers import SANITIZER, free_port
from wire import METADATA, Connection, array, batch, fetch_request, produce_request, request

pytestmark = pytest.mark.furrow_only

client = Confluent()


@pytest.fixture
def furrowd(request, tmp_path):
    """Runs furrowd to its end."""
    binary = str(request.config.getoption("furrowd").resolve())

    def run(*arguments, data=tmp_path / "data", **environment):
        folder = ["--data", str(data)] if data else []
        done = subprocess.run(
            [binary, *folder, *arguments], capture_output=True, text=True, timeout=20, env={**os.environ, **environment}
        )
        assert not SANITIZER.search(done.stderr), done.stderr
        return done

    return run


# ---- the command line ----


def test_version_and_help(furrowd):
    version = furrowd("--version", data=None)
    assert version.returncode == 0 and re.fullmatch(r"furrowd \d+\.\d+\.\d+.*\n", version.stdout)
    help_text = furrowd("--help", data=None)
    assert help_text.returncode == 0
    for option in ("--data", "--config", "--set", "--check-config", "--print-config", "--probe", "--apis", "--version"):
        assert option in help_text.stdout


@pytest.mark.parametrize(
    "arguments,word",
    [
        (["--no-such-option"], "--no-such-option"),
        (["--set", "no-equals-sign"], "no-equals-sign"),
        (["--set", "log.segmnt.bytes=1048576"], "log.segment.bytes"),
        (["--set", "num.partitions=many"], "num.partitions"),
        (["--set", "num.partitions=0"], "num.partitions"),
        (["--config", "/no/such/file"], "/no/such/file"),
    ],
)
def test_what_is_wrong_with_the_command_line_is_said(furrowd, arguments, word):
    for mode in ([], ["--check-config"]):
        done = furrowd(*mode, *arguments)
        assert done.returncode not in (0, -signal.SIGABRT, -signal.SIGSEGV)
        assert word in done.stderr


def test_the_readme_tells_what_is_served(request):
    binary = request.config.getoption("furrowd").resolve()
    done = subprocess.run([TREE / "tools/apis", "--check", binary], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_check_config_starts_nothing(furrowd, tmp_path):
    assert furrowd("--check-config", "--set", "num.partitions=3").returncode == 0
    assert not (tmp_path / "data").exists()


def test_print_config_shows_what_counts(furrowd, tmp_path):
    file = tmp_path / "furrow.properties"
    file.write_text("# a comment\nnum.partitions=2\nmessage.max.bytes=1000\nlog.roll.hours = 5\n")
    printed = furrowd(
        "--print-config",
        "--config",
        str(file),
        "--set",
        "num.partitions=4",
        FURROW_NUM_PARTITIONS="3",
        FURROW_MESSAGE_MAX_BYTES="2000",
    )
    assert printed.returncode == 0
    values = dict(line.split("=", 1) for line in printed.stdout.splitlines() if line and line[0] != "#")
    assert (values["num.partitions"], values["message.max.bytes"], values["log.roll.hours"]) == ("4", "2000", "5")
    assert values["auto.create.topics.enable"] == "true"


def test_a_mistake_in_the_file_names_its_line(furrowd, tmp_path):
    file = tmp_path / "furrow.properties"
    file.write_text("num.partitions=2\n\nnum.partitons=2\n")
    done = furrowd("--check-config", "--config", str(file))
    assert (
        done.returncode != 0
        and re.search(r"furrow\.properties:3\b|line 3\b", done.stderr)
        and "num.partitions" in done.stderr
    )


def test_an_unknown_variable_is_a_warning(furrowd):
    done = furrowd("--check-config", FURROW_NUM_PARTITONS="2")
    assert done.returncode == 0 and "FURROW_NUM_PARTITONS" in done.stdout + done.stderr


def test_the_probe_tells_a_running_server_from_none(furrowd, servers):
    server = servers.start(port=free_port())
    listeners = ["--set", f"listeners=127.0.0.1:{server.port}"]
    assert furrowd("--probe", *listeners, data=server.data).returncode == 0
    server.stop()
    assert furrowd("--probe", *listeners, data=server.data).returncode > 0


def test_the_probe_needs_no_permission_to_listen(furrowd, servers):
    port = free_port()
    everywhere = {"FURROW_LISTENERS": f"0.0.0.0:{port}"}
    assert furrowd("--probe", data=None, **everywhere).returncode == 1
    servers.start({"listeners": f"0.0.0.0:{port}", "allow.unauthenticated": "true"})
    assert furrowd("--probe", data=None, **everywhere).returncode == 0


# ---- the data folder ----


def test_two_servers_on_one_folder(furrowd, servers):
    server = servers.start()
    done = furrowd("--set", "listeners=127.0.0.1:0", data=server.data)
    assert done.returncode > 0 and re.search("in use|another|lock", done.stderr + done.stdout), done.stderr


def test_a_folder_of_another_version_is_refused_untouched(furrowd, servers):
    server = servers.start()
    server.stop()
    properties = server.data / "meta.properties"
    properties.write_text(properties.read_text().replace("version=1", "version=9"))

    def contents():
        return {file: file.read_bytes() for file in server.data.rglob("*") if file.is_file() and file.name != ".lock"}

    before = contents()
    done = furrowd("--set", "listeners=127.0.0.1:0", data=server.data)
    assert done.returncode > 0 and "version" in done.stderr + done.stdout
    assert contents() == before


def test_a_folder_full_of_other_things_is_refused_untouched(furrowd, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cat.jpg").write_bytes(b"meow")
    done = furrowd("--set", "listeners=127.0.0.1:0", data=folder)
    assert done.returncode > 0 and str(folder) in done.stderr + done.stdout
    assert {file.name for file in folder.iterdir()} - {".lock"} == {"cat.jpg"}


def test_a_folder_that_cannot_be_used_is_told_in_words(furrowd, servers, tmp_path):
    file = tmp_path / "file"
    file.touch()
    lonely = tmp_path / "missing" / "data"
    server = servers.start()
    server.stop()
    for folder, words in (
        (file, f"the data folder {file} is a file"),
        (lonely, f"{lonely}: its parent folder does not exist"),
        (server.data, "the folder belongs to node 1, but node.id is 2: set node.id=1"),
    ):
        done = furrowd("--set", "listeners=127.0.0.1:0", "--set", "node.id=2", data=folder)
        assert done.returncode == 3 and words in done.stderr


def test_an_idle_server_writes_nothing(servers, topic):
    server = servers.start({"log.flush.interval.ms": "200"})
    client.create_topic(server.bootstrap, topic)
    client.produce(server.bootstrap, [Record(b"x")], topic, acks="1")
    time.sleep(1.5)

    def times():
        return {file: file.stat().st_mtime_ns for file in server.data.rglob("*")}

    before = times()
    time.sleep(2)
    assert times() == before


# ---- signals ----


def test_sighup_is_no_reason_to_stop(servers):
    server = servers.start()
    server.process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    assert client.topics(server.bootstrap) is not None


def test_a_stop_answers_what_is_under_way(servers, topic):
    """A produce that waits for a slow sync is answered before the server ends; a waiting fetch does not keep it."""
    server = servers.start({"log.flush.test.delay.ms": "700"})
    with Connection(server.bootstrap) as writer, Connection(server.bootstrap) as reader:
        writer.create_topic(topic)
        reader.send(fetch_request({topic: {0: 0}}, max_wait=60_000, min_bytes=1 << 20))
        writer.send(produce_request(topic, batch(b"last words")))
        time.sleep(0.2)
        server.stop(seconds=5)
        assert writer.produced() == (0, 0)
    server.start()
    assert [record.value for record in client.consume(server.bootstrap, topic, 1)] == [b"last words"]


# ---- listeners ----


def metadata_broker(connection: Connection) -> tuple[str, int]:
    """The host and the port at which Metadata v1 says this broker is."""
    connection.send(request(METADATA, 1, array()))
    [(_, host, port, _)] = connection.response().array(lambda r: (r.number("i"), r.string(), r.number("i"), r.string()))
    return host, port


def ports(server) -> list[int]:
    return [int(port) for port in re.findall(r"protocol=kafka\b.*\bport=(\d+)", server.log.read_text())]


def test_ipv6(servers, topic):
    server = servers.start({"listeners": "[::1]:0", "auto.create.topics.enable": "true"})
    with Connection(("::1", server.port)) as connection:
        assert metadata_broker(connection) == ("::1", server.port)
    Kcat().produce(f"[::1]:{server.port}", [Record(b"over IPv6")], topic)
    assert content(Kcat().consume(f"[::1]:{server.port}", topic, 1)) == [Record(b"over IPv6")]


def test_a_socket_in_the_file_system(servers, tmp_path, topic):
    path = tmp_path / "furrow.sock"
    server = servers.start({"listeners": f"127.0.0.1:0,unix:{path}"})
    with Connection(f"unix:{path}") as connection:
        connection.api_versions()
        connection.create_topic(topic)
        assert connection.produce(topic, b"through a file") == (0, 0)
    assert [record.value for record in client.consume(server.bootstrap, topic, 1)] == [b"through a file"]
    server.stop()
    assert not path.exists()


def test_several_listeners(servers):
    server = servers.start({"listeners": "127.0.0.1:0,127.0.0.1:0,[::1]:0"})
    found = ports(server)
    assert len(set(found)) == 3
    for address in (("127.0.0.1", found[0]), ("127.0.0.1", found[1]), ("::1", found[2])):
        with Connection(address) as connection:
            assert metadata_broker(connection) == address


def test_clients_are_told_the_address_that_they_used(servers):
    server = servers.start({"listeners": "0.0.0.0:0", "allow.unauthenticated": "true"})
    for host in ("127.0.0.1", "127.0.0.2"):
        with Connection((host, server.port)) as connection:
            assert metadata_broker(connection) == (host, server.port)


def test_clients_are_told_the_advertised_address(servers):
    server = servers.start({"advertised.listeners": "furrow.example:1234"})
    with Connection(server.bootstrap) as connection:
        assert metadata_broker(connection) == ("furrow.example", 1234)


@pytest.mark.parametrize("address", ["0.0.0.0:9092", "[::]:9092", "a:1,b:2", "unix:/tmp/furrow.sock"])
def test_an_address_that_no_client_could_use_is_not_advertised(furrowd, address):
    done = furrowd("--check-config", "--set", f"advertised.listeners={address}")
    assert done.returncode == 2 and f"advertised.listeners: {address}: must be" in done.stderr


def test_nobody_listens_to_the_world_by_accident(furrowd):
    done = furrowd("--set", "listeners=0.0.0.0:0")
    assert done.returncode > 0 and "allow.unauthenticated" in done.stderr + done.stdout


@pytest.mark.parametrize("name", ["SSL", "SASL_SSL", "SASL_PLAINTEXT", "FOO"])
@pytest.mark.parametrize("key", ["listeners", "advertised.listeners"])
def test_what_would_not_be_plain_text_is_refused(furrowd, key, name):
    for mode in ([], ["--check-config"]):
        done = furrowd(*mode, "--set", f"{key}={name}://127.0.0.1:9092")
        assert done.returncode == 2
        assert f"{key}: {name}://127.0.0.1:9092: only PLAINTEXT is served; TLS and authentication" in done.stderr


def test_a_server_that_nobody_could_reach_is_not_started(furrowd):
    for mode in ([], ["--check-config"]):
        done = furrowd(*mode, "--set", "listeners=")
        assert done.returncode == 2 and "listeners is empty: nobody could connect" in done.stderr


def test_a_port_that_is_taken_is_said(furrowd, servers):
    server = servers.start()
    done = furrowd("--set", f"listeners=127.0.0.1:{server.port}")
    assert done.returncode == 1 and str(server.port) in done.stderr + done.stdout


def test_a_listener_that_cannot_be_opened_is_no_fault_of_the_data_folder(furrowd, tmp_path):
    done = furrowd("--set", f"listeners=unix:{tmp_path}/missing/furrow.sock")
    assert done.returncode == 1 and "cannot listen on unix:" in done.stderr
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cat.jpg").write_bytes(b"meow")
    assert furrowd("--set", "listeners=127.0.0.1:0", data=folder).returncode == 3


# ---- topic names ----


@pytest.mark.parametrize("maker", [Confluent, FranzGo], ids=lambda kind: kind.name)
def test_a_topic_name_may_have_a_namespace(servers, topic, maker):
    server = servers.start(port=free_port())
    name = f"tenant:orders:{topic}"
    made = maker()
    made.create_topic(server.bootstrap, name)
    records = [Record(b"%d" % number) for number in range(10)]
    made.produce(server.bootstrap, records, name)
    assert server.partition_folder(name.replace(":", "%3A")).is_dir()
    server.stop()
    server.start()
    assert content(made.consume(server.bootstrap, name, 10)) == records
    assert name in kcat(server.bootstrap, "-L").stdout.decode()
    made.close()
