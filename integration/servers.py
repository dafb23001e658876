"""The server under test: furrowd, or Apache Kafka, which says what is right.

Both take Kafka's keys as settings, listen on 127.0.0.1 and write all their output to one log file."""

import ctypes
import os
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from installed import java

# What a sanitizer prints first.
SANITIZER = re.compile(r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:")


def free_port() -> int:
    """A port that nobody uses, outside of the range from which the system takes ports for outgoing connections: a
    client that keeps connecting to a dead server can then never be given that server's port."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def die_with_parent() -> None:
    """So that no server outlives a test run that is cut short."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """One server on one data folder. It may be stopped, killed and started again; the port stays."""

    kind: str
    start_seconds = 15.0

    def __init__(self, folder: Path, settings: dict[str, str]):
        self.folder = folder
        self.settings = settings
        self.environment: dict[str, str] = {}
        self.data = folder / "data"
        self.log = folder / "server.log"
        self.port = 0
        self.process: subprocess.Popen | None = None
        self.down_on_purpose = True

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.process.pid

    def start(self) -> "Server":
        self.folder.mkdir(parents=True, exist_ok=True)
        seen = self.log.stat().st_size if self.log.exists() else 0
        self._prepare()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                preexec_fn=die_with_parent,
            )
        self.down_on_purpose = False
        deadline = time.monotonic() + self.start_seconds
        while not self._listens(self.log.read_bytes()[seen:].decode(errors="replace")):
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended at once, exit code {self.process.returncode}\n{self.tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the server did not listen in {self.start_seconds} s\n{self.tail()}")
            time.sleep(0.01)
        return self

    def stop(self, seconds: float = 10) -> None:
        """A clean stop; anything but exit code 0 is a failure."""
        if self.down_on_purpose:
            return
        self.down_on_purpose = True
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server did not stop in {seconds} s after SIGTERM\n{self.tail()}") from None
        assert code in self.clean_exits, f"the server stopped with exit code {code}\n{self.tail()}"
        self.check()

    def kill(self) -> None:
        self.down_on_purpose = True
        self.process.kill()
        self.process.wait()

    def check(self) -> None:
        """The server runs, unless it was stopped, and no sanitizer has said anything."""
        if not self.down_on_purpose:
            assert self.process.poll() is None, f"the server died, exit code {self.process.returncode}\n{self.tail()}"
        report = SANITIZER.search(self.log.read_text(errors="replace")) if self.log.exists() else None
        assert not report, f"a sanitizer reports: {report[0]}\n{self.tail()}"

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def partition_folder(self, topic: str, partition: int = 0) -> Path:
        return self.data / f"{topic}-{partition}"


class Furrowd(Server):
    kind = "furrowd"
    clean_exits = (0,)
    LISTENING = re.compile(r"protocol=kafka\b.*\bport=(\d+)")

    def __init__(self, folder: Path, settings: dict[str, str], binary: Path, port: int = 0):
        super().__init__(folder, settings)
        self.binary = binary
        self.port = port
        self.sanitized = b"__asan_init" in binary.read_bytes()

    def _prepare(self) -> None:
        pass

    def _command(self) -> list[str]:
        settings = {"listeners": f"127.0.0.1:{self.port}", **self.settings}
        return [
            str(self.binary),
            "--data",
            str(self.data),
            *(word for key, value in settings.items() for word in ("--set", f"{key}={value}")),
        ]

    def _listens(self, output: str) -> bool:
        found = self.LISTENING.search(output)
        if found:
            self.port = int(found[1])
        return found is not None


class ApacheKafka(Server):
    kind = "kafka"
    clean_exits = (0, 143)
    start_seconds = 40.0
    sanitized = False

    def __init__(self, folder: Path, settings: dict[str, str], port: int = 0):
        super().__init__(folder, settings)
        self.port = port or free_port()
        self.controller_port = free_port()

    def _prepare(self) -> None:
        properties = self.folder / "server.properties"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
            "log.dirs": str(self.data),
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "1",
            "log.message.timestamp.after.max.ms": str(2**63 - 1),
            **self.settings,
        }
        properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        if not (self.data / "meta.properties").exists():
            subprocess.run(
                java("kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", str(properties)),
                check=True,
                stdout=subprocess.DEVNULL,
            )

    def _command(self) -> list[str]:
        return java(
            "kafka.Kafka",
            str(self.folder / "server.properties"),
            options=("-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",),
        )

    def _listens(self, output: str) -> bool:
        return "Kafka Server started" in output

    def stop(self, seconds: float = 30) -> None:
        super().stop(seconds)
