"""Apache Kafka: fetched once by Maven, then started as its own scripts start it."""
import os
import pathlib
import shutil
import subprocess

import servers

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("FURROW_CACHE") or pathlib.Path.home() / ".cache/furrow") / "bench/kafka"
START_LIMIT_S = 120

# What kafka-server-start.sh and kafka-run-class.sh give the virtual machine.
SERVER_OPTIONS = ("-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
                  "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent",
                  "-XX:MaxInlineLevel=15", "-Djava.awt.headless=true")

# config/server.properties as it is shipped, but for addresses and folders; all else is Kafka's default.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
log.dirs={folder}/data
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
num.partitions=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
"""


def fetch():
    """The jars, of the server and of the tools, unless they are there."""
    for pom in sorted((HERE / "kafka").glob("*.xml")):
        folder = CACHE / pom.stem
        made_from = folder / "pom.xml"
        if made_from.exists() and made_from.read_bytes() == pom.read_bytes():
            continue
        if not (shutil.which("mvn") and shutil.which("java")):
            raise SystemExit("Apache Kafka needs a Java runtime and Maven: packages default-jdk-headless and maven")
        shutil.rmtree(folder, ignore_errors=True)
        work = folder / "work"
        work.mkdir(parents=True)
        shutil.copy(pom, work / "pom.xml")
        subprocess.run(["mvn", "-B", "-ntp", "-q", "-f", work / "pom.xml", "dependency:copy-dependencies",
                        "-DincludeScope=runtime", f"-DoutputDirectory={folder / 'lib'}"], check=True)
        shutil.copy(pom, made_from)


def version():
    return next((CACHE / "server/lib").glob("kafka_2.13-*.jar")).stem.removeprefix("kafka_2.13-")


def java(part, main_class, *arguments, options=()):
    """The command that runs a class of the server's jars or of the tools'."""
    return ["java", *options, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{CACHE / part}/lib/*",
            main_class, *map(str, arguments)]


def server_command(port, folder, settings=()):
    """Writes the configuration and formats the storage, as one must."""
    properties = folder / "server.properties"
    text = PROPERTIES.format(port=port, controller=servers.free_port(), folder=folder)
    properties.write_text(text + "".join(f"{setting}\n" for setting in settings))
    format_storage = ("kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", properties)
    subprocess.run(java("server", *format_storage), check=True, stdout=subprocess.DEVNULL)
    return java("server", "kafka.Kafka", properties, options=SERVER_OPTIONS)


def with_topic(programs, settings=(), partitions=1, folder=None):
    return servers.Server(
        lambda port, folder: server_command(port, folder, settings), programs.where,
        prepare=lambda server: programs.create_topic(server, partitions), folder=folder, start_limit=START_LIMIT_S,
    )


def tool(main_class, *arguments):
    """What the tool prints."""
    run = subprocess.run(java("tools", main_class, *arguments, options=("-Xmx512M",)), stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
    if run.returncode != 0:
        raise RuntimeError(f"{main_class} has failed:\n{run.stdout[-4000:]}")
    return run.stdout
