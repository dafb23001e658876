#!/usr/bin/env python3
"""Runs clang-tidy over every source file of a build and remembers, in a cache folder, what was clean.

usage: tidy.py [--long] BUILD_DIR CACHE_DIR

A file is looked at again when its preprocessed text, its command or .clang-tidy changed. Generated files (those inside
the build folder) and those of packages are left out. Ends with `N passed, N failed`, counting files.

  --long  the analyzer looks at the tests' sources too; it takes twenty times as long as all other checks together
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys

CLANG = "clang-14"
CLANG_TIDY = "clang-tidy-14"
ROOT = pathlib.Path(__file__).resolve().parents[2]
SETTINGS = ROOT / ".clang-tidy"
TESTS = ROOT / "tests"
# Included before everything else, but not where those functions are defined, nor where they are not known.
ANALYZER = ROOT / "tools/lib/analyzer.h"
DEFINES_THEM = ROOT / "protocol/status.c"
WITHOUT_ANALYZER = "--checks=-clang-analyzer-*"


def fingerprint(command, settings, told):
    """Of everything that the verdict depends on; comments count, for they may hold NOLINT."""
    arguments = shlex.split(command["command"])
    output = arguments.index("-o")
    preprocess = [CLANG, *arguments[1:output], *arguments[output + 2 :], "-E", "-C"]
    text = subprocess.run(preprocess, cwd=command["directory"], stdout=subprocess.PIPE, check=True).stdout
    return hashlib.sha256(settings + "".join(told).encode() + command["command"].encode() + text).hexdigest()


def options(command, analyzes_tests):
    """What clang-tidy is told about this file."""
    if not analyzes_tests and pathlib.Path(command["file"]).is_relative_to(TESTS):
        return [WITHOUT_ANALYZER]
    knows_them = f"-I{ROOT / 'protocol'}" in command["command"] and command["file"] != str(DEFINES_THEM)
    return ["--extra-arg=-include", f"--extra-arg={ANALYZER}"] if knows_them else []


def check(command, build, cache, settings, told):
    """The words of clang-tidy, empty when the file is clean."""
    clean = cache / fingerprint(command, settings, told)
    if clean.exists():
        clean.touch()
        return ""
    run = subprocess.run(
        [CLANG_TIDY, "--quiet", f"-p={build}", *told, command["file"]],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )
    if run.returncode == 0:
        clean.touch()
        return ""
    return run.stdout


def is_ours(file, build):
    return file.is_relative_to(ROOT) and not file.is_relative_to(build)


def main(build, cache, analyzes_tests):
    build, cache = pathlib.Path(build).resolve(), pathlib.Path(cache)
    cache.mkdir(parents=True, exist_ok=True)
    settings = SETTINGS.read_bytes() + ANALYZER.read_bytes()
    commands = json.loads((build / "compile_commands.json").read_text())
    commands = [command for command in commands if is_ours(pathlib.Path(command["file"]), build)]

    def check_one(command):
        return check(command, build, cache, settings, options(command, analyzes_tests))

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        verdicts = list(pool.map(check_one, commands))
    failed = 0
    for command, words in zip(commands, verdicts):
        if words:
            failed += 1
            print(f"{os.path.relpath(command['file'], ROOT)}:\n{words}")
    print(f"{len(commands) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    folders = [argument for argument in sys.argv[1:] if argument != "--long"]
    if len(folders) != 2:
        sys.exit(__doc__)
    sys.exit(main(*folders, "--long" in sys.argv))
