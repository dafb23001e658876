#!/usr/bin/env python3
"""Proves that an include which points up does not compile, by trying each one.

usage: check_includes.py BUILD_DIR

For each room, every header of every room that it may not know is looked for with the compiler and the flags that the
room is really built with; its sources must not name what the room never holds, and its headers no name that a room below
has too. Ends with `N passed, N failed`.
"""
import json
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
KNOWS = {
    "protocol": {"protocol"},
    "storage": {"storage", "protocol"},
    "vault": {"vault", "storage", "protocol"},
    "tools": {"tools", "storage", "protocol"},
    "broker": {"broker", "vault", "storage", "protocol"},
}
# System headers that would bring in what a room never holds.
SOCKETS = r"sys/socket|netinet/.*|arpa/.*|netdb|sys/un|sys/epoll|poll|uv"
NEVER = {
    "protocol": rf"{SOCKETS}|fcntl|unistd|dirent|sys/stat|sys/mman|time|sys/time|pthread|threads|syslog",
    "storage": rf"{SOCKETS}|time|sys/time|pthread|threads|syslog",
    "vault": SOCKETS,
}
# And calls: storage has no threads and reads no clock.
NEVER_CALLS = {"storage": re.compile(r"\b(pthread_create|clock_gettime|gettimeofday|time)\s*\(")}
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<(.*)\.h>|"(.*)")', re.MULTILINE)


def room_flags(build):
    """The compiler and its arguments, for one source file of each room."""
    flags = {}
    for command in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(command["file"])
        if not path.is_relative_to(ROOT):
            continue
        room = path.relative_to(ROOT).parts[0]
        arguments = shlex.split(command["command"])
        flags.setdefault(room, arguments[: arguments.index("-o")])
    return flags


def names_of(header, room):
    """The ways in which an include might name a header: within its room, from the root, and bare."""
    within = header.relative_to(ROOT / room)
    return {str(within), f"{room}/{within}", header.name}


def reachable(flags, names):
    """Those of the names that the compiler finds; and proof that it looked: the source must compile."""
    source = "".join(f'#if __has_include("{name}")\n#pragma message "found:{name}:"\n#endif\n' for name in names)
    run = subprocess.run(
        [*flags, "-fsyntax-only", "-Wno-error", "-x", "c", "-"],
        input=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/", check=True,
    )
    return set(re.findall(r"found:(.*?):", run.stdout))


def findings(room, flags):
    headers = {other: sorted((ROOT / other).rglob("*.h")) for other in KNOWS}
    own = {str(header.relative_to(ROOT / room)) for header in headers[room]}
    known = {name for other in KNOWS[room] for header in headers[other] for name in names_of(header, other)}
    if own and not reachable(flags, own):
        yield f"{room} does not even find its own headers"
    for other in sorted(KNOWS[room] - {room}):
        for name in sorted(own & {str(header.relative_to(ROOT / other)) for header in headers[other]}):
            yield f"{room} and {other} both have a header {name}: which one is meant depends on who asks"
    for other in sorted(KNOWS.keys() - KNOWS[room]):
        names = {name for header in headers[other] for name in names_of(header, other)}
        for name in sorted(reachable(flags, names - known)):
            yield f"{room} can include {name} of {other}"
    for path in sorted((ROOT / room).rglob("*.[ch]")):
        text = path.read_text()
        if room in NEVER_CALLS and (call := NEVER_CALLS[room].search(text)):
            yield f"{path.relative_to(ROOT)} calls {call[1]}, which {room} never does"
        for system, quoted in INCLUDE.findall(text):
            if quoted.startswith("../"):
                yield f"{path.relative_to(ROOT)} includes {quoted}: name headers without a path out of the room"
            if system and room in NEVER and re.fullmatch(NEVER[room], system):
                yield f"{path.relative_to(ROOT)} includes <{system}.h>, which {room} never holds"


def main(build):
    passed = failed = 0
    for room, flags in sorted(room_flags(pathlib.Path(build).resolve()).items()):
        if room not in KNOWS:
            continue
        found = list(findings(room, flags))
        print(*found, sep="\n", end="\n" if found else "")
        passed += not found
        failed += bool(found)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
