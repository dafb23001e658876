# The groups of tools/test: what each one needs and does. To be sourced.
#
# A group is a function group_NAME that prints what it does and ends with exit status 0 or another, and a line in
# group_list. It counts its tests by printing lines `N passed, N failed`: its result is their sum. `root` is the
# repository's folder, `cache` the folder for what is made once, TEST_LENGTH is quick, full or long.

# name: packages beside those of the build: what it is. First what waits long, towards the end what uses all processors
# by itself; what measures time last, for it runs alone.
group_list='
integration-sanitize:kcat curl wrk chromium default-jdk-headless maven rustc-web cargo-web libssl-dev pkg-config python3-venv ca-certificates:real clients against a server built with ASan and UBSan
integration:kcat curl wrk chromium default-jdk-headless maven rustc-web cargo-web libssl-dev pkg-config python3-venv ca-certificates:real clients against the release build (integration/run), but for what measures time
oracle:default-jdk-headless maven ca-certificates:every message against the classes of kafka-clients (tests/oracle/run)
fuzz:clang-14 libclang-rt-14-dev:every fuzz target for a few seconds, from its seeds
clang:clang-14 libsnappy-dev:all suites with clang, release build
sanitize:libsnappy-dev:all suites with gcc, ASan and UBSan
unit:libsnappy-dev:all suites with gcc, release build
s390x:gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user-static:protocol and storage suites on 64-bit big endian, emulated
armhf:gcc-arm-linux-gnueabihf libc6-dev-armhf-cross qemu-user-static:protocol and storage suites on 32 bit, emulated
thread:libsnappy-dev:all suites with gcc and TSan (only with --long, or by name)
size:binutils:text and data by room against tools/size.budget
quickstart:kcat:tools/quickstart on an empty folder, twice, and its end
format:clang-format-14 shellcheck:clang-format on C, shellcheck on shell, syntax of Python
include::an include that points up does not compile
tidy:clang-14 clang-tidy-14:clang-tidy over all sources; with --long its analyzer over the tests too
integration-timed:kcat curl wrk chromium default-jdk-headless maven rustc-web cargo-web libssl-dev pkg-config python3-venv ca-certificates:real clients against the release build, what measures time; runs alone
events:rustc-web cargo-web libssl-dev pkg-config g++ ca-certificates:100,000 events through HTTP beside xs (only with --long, or by name)
'

# Files of the repository: what is under it, but for builds, data and what tools leave behind.
source_files() { # find's tests…
    find "$root" \( -name build -o -name .git -o -name furrow-data -o -name __pycache__ -o -name .pytest_cache \
        -o -name node_modules -o -name .venv \) -prune -o -type f \( "$@" \) -print
}

# Files that start with an interpreter's line, whatever their name.
scripts_of() { # interpreter
    source_files -perm -u+x -not -name '*.*' | while read -r file; do
        head -n1 "$file" | grep -q "^#!.*$1" && echo "$file"
    done
}

run_suites() { # preset [cmake option…]
    local preset=$1 results=$root/build/$1/results.xml
    build_preset "$@"
    rm -f "$results"
    ctest --test-dir "$root/build/$preset" -j "$jobs" --output-junit "$results" || true
    "$root/tools/lib/count_suites.py" "$results"
}

group_unit() {
    [ "$TEST_LENGTH" != long ] || export FURROW_WORKLOAD_SEEDS=10000
    run_suites release -DWITH_WERROR=ON
}
group_sanitize() { run_suites sanitize; }
group_clang() { run_suites clang; }
group_thread() { run_suites thread; }

group_s390x() {
    CROSS_SYSROOT=$(cross_sysroot s390x) run_suites s390x
}

group_armhf() {
    CROSS_SYSROOT=$(cross_sysroot armhf) run_suites armhf
}

group_format() {
    local c shell python
    mapfile -t c < <(source_files -name '*.[ch]')
    mapfile -t shell < <(source_files -name '*.sh'; scripts_of bash; scripts_of '/sh'; source_files -path '*/.ci/run')
    mapfile -t python < <(source_files -name '*.py'; scripts_of python3)
    check 'clang-format' clang-format-14 --dry-run -Werror "${c[@]}"
    check 'shellcheck' shellcheck "${shell[@]}"
    check 'Python syntax' python3 -c '
import ast, sys
for path in sys.argv[1:]:
    ast.parse(open(path, encoding="utf-8").read(), path)' "${python[@]}"
}

group_tidy() {
    build_preset clang
    local long=()
    [ "$TEST_LENGTH" != long ] || long=(--long)
    "$root/tools/lib/tidy.py" ${long[@]+"${long[@]}"} "$root/build/clang" "$cache/tidy"
}

group_include() {
    build_preset release -DWITH_WERROR=ON
    "$root/tools/lib/check_includes.py" "$root/build/release"
}

group_fuzz() {
    build_preset fuzz
    local seconds=8 target name
    [ "$TEST_LENGTH" = long ] && seconds=300
    for target in "$root"/build/fuzz/bin/fuzz_*; do
        [ -x "$target" ] || continue
        name=${target##*/fuzz_}
        local corpus=$cache/fuzz/$name seeds=()
        mkdir -p "$corpus" "$root/build/fuzz/findings"
        for folder in "$root/tests/fuzz/seeds/$name" "$root/build/fuzz/seeds/$name"; do
            [ -d "$folder" ] && seeds+=("$folder")
        done
        check "fuzz $name, $seconds s" "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
            -print_final_stats=1 -verbosity=1 -artifact_prefix="$root/build/fuzz/findings/$name-" \
            "$corpus" ${seeds[@]+"${seeds[@]}"}
    done
}

group_oracle() {
    build_preset release -DWITH_WERROR=ON
    local seed last=1
    [ "$TEST_LENGTH" = long ] && last=10
    for ((seed = 1; seed <= last; seed++)); do
        "$root/tests/oracle/run" "$root/build/release" "$seed"
    done
}

group_size() {
    check 'size within tools/size.budget' "$root/tools/size" --check
}

run_integration() { # preset option…
    local setup=()
    [ "$TEST_LENGTH" != long ] || setup=(--long)
    "$root/integration/setup" ${setup[@]+"${setup[@]}"}
    "$root/integration/run" --furrowd "$root/build/$1/bin/furrowd" "${@:2}"
}

group_integration() {
    build_preset release -DWITH_WERROR=ON
    run_integration release --untimed
}

group_integration-timed() {
    build_preset release -DWITH_WERROR=ON
    run_integration release --timed
}

group_events() {
    build_preset release -DWITH_WERROR=ON -DWITH_BENCH=ON
    check 'ten times as fast as xs' "$root/tests/bench/run" --rounds 3 beside-xs
}

group_integration-sanitize() {
    build_preset sanitize
    run_integration sanitize --untimed
}

group_quickstart() {
    local data
    data=$(mktemp -d)
    "$root/tools/lib/try_quickstart" "$data"
    rm -r "$data"
}
