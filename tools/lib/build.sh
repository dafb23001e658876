# Builds by preset, into build/PRESET. To be sourced; `root` is the repository's folder.

# Groups that need the same build may ask at the same time: one builds, the others wait and find it done.
# build_targets, where set, names all that is built.
build_preset() { # preset [cmake option…]
    local preset=$1
    shift
    mkdir -p "$root/build/$preset"
    (
        flock 9
        cd "$root"
        cmake --preset "$preset" "$@"
        # shellcheck disable=SC2086 # several words
        cmake --build --preset "$preset" ${build_targets:+--target $build_targets}
    ) 9>"$root/build/$preset/.lock"
}
