"""What every test shares: the server under test, the clients, names for topics."""

import itertools
import os
import resource
from pathlib import Path

import pytest

from installed import TREE
from kafka_tools import KafkaTools
from members import Member
from servers import ApacheKafka, Furrowd, Server

topic_numbers = itertools.count()

# The files that take longest, whatever their number of tests, are given out first: a process that began one of them
# last would keep the others waiting.
LONGEST = [
    "test_compaction",
    "test_consumer_protocol",
    "test_group_members",
    "test_power",
    "test_rest_v2",
    "test_clients",
    "test_folder_tools",
    "test_disks",
    "test_streambed",
    "test_furrowd",
    "test_rest_produce",
]


def pytest_addoption(parser):
    parser.addoption("--server", choices=["furrowd", "kafka"], default=os.environ.get("FURROW_TEST_SERVER", "furrowd"))
    parser.addoption(
        "--furrowd", type=Path, default=Path(os.environ.get("FURROWD", TREE / "build/release/bin/furrowd"))
    )


def pytest_configure(config):
    binary = config.getoption("furrowd")
    if config.getoption("server") == "furrowd" and not binary.is_file():
        raise pytest.UsageError(f"there is no {binary}: build furrowd first, or name it with --furrowd")
    # Thousands of connections, here and in the servers that inherit this.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def pytest_collection_modifyitems(config, items):
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONGEST)))
    if config.getoption("server") == "kafka":
        other = [item for item in items if item.get_closest_marker("furrow_only")]
        config.hook.pytest_deselected(items=other)
        items[:] = [item for item in items if item not in other]


def pytest_report_header(config):
    return f"server: {config.getoption('server')}"


class Servers:
    """Starts servers in folders of their own, and ends what it started."""

    def __init__(self, config, folder: Path):
        self.config = config
        self.folder = folder
        self.started: list[Server] = []

    def new(self, settings: dict[str, str] | None = None, port: int = 0) -> Server:
        """A server on an empty data folder, not yet started."""
        settings = {"auto.create.topics.enable": "false", **(settings or {})}
        folder = self.folder / f"server-{len(self.started)}"
        if self.config.getoption("server") == "kafka":
            server = ApacheKafka(folder, settings, port)
        else:
            server = Furrowd(folder, settings, self.config.getoption("furrowd").resolve(), port)
        self.started.append(server)
        return server

    def start(self, settings: dict[str, str] | None = None, port: int = 0) -> Server:
        return self.new(settings, port).start()

    def check(self) -> None:
        for server in self.started:
            server.check()

    def end(self) -> None:
        problems = []
        for server in self.started:
            try:
                server.stop()
            except AssertionError as problem:
                problems.append(str(problem))
        assert not problems, "\n".join(problems)


@pytest.fixture(scope="module")
def module_servers(request, tmp_path_factory):
    servers = Servers(request.config, tmp_path_factory.mktemp(request.module.__name__))
    yield servers
    servers.end()


@pytest.fixture(scope="module")
def server(request, module_servers) -> Server:
    """One server for the whole module, with the module's SETTINGS."""
    return module_servers.start(getattr(request.module, "SETTINGS", {}))


@pytest.fixture(scope="session")
def kafka_tools():
    tools = KafkaTools()
    yield tools
    tools.end()


@pytest.fixture
def servers(request, tmp_path):
    """For tests that start servers of their own."""
    servers = Servers(request.config, tmp_path)
    yield servers
    servers.end()


@pytest.fixture(autouse=True)
def healthy(request):
    """After each test: the server still runs, the sanitizers are silent, and members of groups are gone."""
    used = [request.getfixturevalue(name) for name in ("module_servers", "servers") if name in request.fixturenames]
    yield
    for member in [*Member.running]:
        member.vanish()
    for servers in used:
        servers.check()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for name in ("module_servers", "servers"):
            for server in getattr(item.funcargs.get(name), "started", []):
                if server.log.exists():
                    report.sections.append((f"log of {server.kind}, {server.log}", server.tail()))


@pytest.fixture
def topic() -> str:
    return f"topic-{os.getpid()}-{next(topic_numbers)}"
