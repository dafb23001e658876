# Debian packages: what is missing is installed, what is there is left alone. To be sourced.

build_packages=(gcc libc6-dev cmake ninja-build pkgconf python3 libuv1-dev libpcre2-dev libzstd-dev liblz4-dev zlib1g-dev
    node-llhttp uthash-dev libcunit1-dev libsnappy-dev libstdc++-12-dev)

as_root() { # command…
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "needs root or sudo: $*" >&2
        return 1
    fi
}

package_is_installed() { # package
    [[ $(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null) == ?i* ]]
}

apt_install() { # package…
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends \
        -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# Package lists that are missing or too old make the first attempt fail; they are then fetched, once.
ensure_packages() { # package…
    local package missing=()
    for package; do
        if [[ " ${missing[*]} " != *" $package "* ]] && ! package_is_installed "$package"; then
            missing+=("$package")
        fi
    done
    [ ${#missing[@]} = 0 ] && return
    if ! command -v apt-get >/dev/null; then
        echo "no apt-get here: install what corresponds to Debian's ${missing[*]}" >&2
        return 1
    fi
    echo "installing ${missing[*]}"
    local log
    log=$(mktemp)
    if apt_install "${missing[@]}" >"$log" 2>&1 ||
        { as_root apt-get update -qq -o Acquire::Retries=3 && apt_install "${missing[@]}"; } >"$log" 2>&1; then
        rm "$log"
    else
        cat "$log" >&2
        rm "$log"
        echo "apt-get could not install ${missing[*]}" >&2
        return 1
    fi
}
