#!/bin/sh
# A Docker engine for the tests of the docker sandbox, on a Debian machine that runs none.
#
#   scripts/ci_docker.sh start DIR   install docker.io if needed, start dockerd in the quiet form, wait for it
#   scripts/ci_docker.sh stop DIR    stop that very daemon by its pid and remove DIR
#
# Quiet: no bridge, no iptables rules, no ip forwarding, everything below DIR. Then use
# DOCKER_HOST=unix://DIR/docker.sock. Exits with 3 where no engine can be had (not root, not Debian, no
# network), so that the caller can let the tests skip.
set -eu
action=$1
dir=$2

start() {
    [ "$(id -u)" = 0 ] || { echo "ci_docker: dockerd needs root" >&2; exit 3; }
    if ! command -v dockerd >/dev/null; then
        command -v apt-get >/dev/null || { echo "ci_docker: no dockerd and no apt-get" >&2; exit 3; }
        apt-get update -qq || exit 3
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io >/dev/null || exit 3
    fi
    mkdir -p "$dir"
    for driver in overlay2 vfs; do
        dockerd --data-root="$dir/data" --exec-root="$dir/exec" -H "unix://$dir/docker.sock" \
            --pidfile="$dir/docker.pid" --iptables=false --ip6tables=false --bridge=none --ip-forward=false \
            --storage-driver="$driver" >"$dir/dockerd.log" 2>&1 &
        waited=0
        while [ "$waited" -lt 60 ]; do
            if [ -S "$dir/docker.sock" ] && DOCKER_HOST="unix://$dir/docker.sock" docker version >/dev/null 2>&1; then
                echo "DOCKER_HOST=unix://$dir/docker.sock"
                exit 0
            fi
            kill -0 $! 2>/dev/null || break
            sleep 0.5
            waited=$((waited + 1))
        done
        kill $! 2>/dev/null || true
        wait $! 2>/dev/null || true
        rm -rf "$dir/data"
    done
    tail -5 "$dir/dockerd.log" >&2
    echo "ci_docker: dockerd does not start here" >&2
    exit 3
}

stop() {
    if [ -f "$dir/docker.pid" ]; then
        pid=$(cat "$dir/docker.pid")
        kill "$pid" 2>/dev/null || true
        waited=0
        while kill -0 "$pid" 2>/dev/null; do
            [ "$waited" -lt 100 ] || kill -9 "$pid" 2>/dev/null || true # 20 seconds were enough for its containers
            sleep 0.2
            waited=$((waited + 1))
        done
    fi
    rm -rf "$dir"
}

case $action in
    start) start ;;
    stop) stop ;;
    *) echo "usage: $0 start|stop DIR" >&2; exit 2 ;;
esac
