# Libraries of other machines, for the cross builds. To be sourced; `cache` is the folder for what is made once.

cross_libraries=(zlib1g-dev libzstd-dev liblz4-dev libcunit1-dev uthash-dev)

# Makes a sysroot of unpacked Debian packages and prints its path. apt works on lists of its own, so that the machine
# never learns of the foreign architecture.
cross_sysroot() { # Debian architecture
    local arch=$1 sysroot=$cache/sysroot-$1 work
    if [ ! -e "$sysroot/complete" ]; then
        work=$(mktemp -d)
        mkdir -p "$work/lists/partial" "$work/archives/partial" "$sysroot"
        (
            cd "$work"
            local apt=(apt-get -qq -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o APT::Sandbox::User= -o Acquire::Retries=3
                -o Dir::State::Lists="$work/lists" -o Dir::State::status=/dev/null -o Dir::Cache="$work"
                -o Acquire::Languages=none)
            "${apt[@]}" update
            "${apt[@]}" download "${cross_libraries[@]}"
            for package in *.deb; do
                dpkg -x "$package" "$sysroot"
            done
        ) >&2
        rm -r "$work"
        touch "$sysroot/complete"
    fi
    echo "$sysroot"
}
