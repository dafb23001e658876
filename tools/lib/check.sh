# One check that counts as a test. To be sourced.

check() { # what command…
    local what=$1
    shift
    if "$@"; then
        echo "$what: 1 passed, 0 failed"
    else
        echo "$what: 0 passed, 1 failed"
    fi
}
