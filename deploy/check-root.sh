#!/bin/bash
# The RUN steps of both Dockerfiles in a bare Debian, without a container registry: bash deploy/check-root.sh FOLDER
# As root, some ten minutes and 3 GiB; FOLDER is made, and removed at the end. Debian's mirror and PyPI are asked.
# Not a Jetson: of TensorRT, nvcc and pycuda only names are there, so that every other step of install-jetson.sh runs.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
root=$1/root
command -v debootstrap >/dev/null || { echo "error: no debootstrap: apt install debootstrap" >&2; exit 1; }
mkdir -p "$root"

clean() {
    for mounted in "$root/dev" "$root/proc"; do
        if mountpoint -q "$mounted"; then umount "$mounted"; fi
    done
    rm -rf --one-file-system "$root"
}
trap clean EXIT

# What a network needs that is not open: proxies, and certificates of its own.
mapfile -t proxies < <(env | grep -iE '^(https?_proxy|no_proxy|pip_cert|pip_index_url|pip_default_timeout)=' || true)
root_do=(chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/nonexistent "${proxies[@]}")
efiqa_do=("${root_do[@]}" setpriv --reuid efiqa --regid efiqa --init-groups env EFIQA_CACHE=/var/cache/efiqa
    PATH=/opt/efiqa/bin:/usr/bin:/bin)
inside() { "${root_do[@]}" "$@"; }
as_efiqa() { "${efiqa_do[@]}" "$@"; }
timed() { local began=$SECONDS; "$@"; echo "== ${*: -1:1}: $((SECONDS - began)) s"; }

timed debootstrap --variant=minbase --include=ca-certificates bookworm "$root"
cp /etc/resolv.conf "$root/etc/resolv.conf"
[ ! -d /usr/local/share/ca-certificates ] || { cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates" && inside update-ca-certificates >/dev/null; }
[ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/pip.conf"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mkdir -p "$root/source" "$root/deploy"
tar -C "$here" -c --exclude-from="$here/.dockerignore" . | tar -C "$root/source" -x
cp "$here"/deploy/install-*.sh "$here/deploy/healthcheck.py" "$here/.ci/oldest.txt" "$root/deploy"

timed inside sh /source/deploy/install-build.sh /source /wheels
wheel=$(cd "$root" && echo wheels/*.whl)

# --- Dockerfile.cpu
timed inside sh /deploy/install-cpu.sh "/$wheel"
[ "$(as_efiqa id -un)" = efiqa ]
as_efiqa edge-doctor --quick || true # no camera here
(exec "${efiqa_do[@]}" edge-capture demo:600 --web --port 18080 --strictness normal --out /var/lib/efiqa) &
session=$!
for _ in $(seq 300); do
    sleep 1
    inside python3 /deploy/healthcheck.py 18080 2>/dev/null && healthy=yes && break
done
kill -INT "$session"
wait "$session" || true
[ "${healthy:-no}" = yes ] || { echo "error: the session was never healthy" >&2; exit 1; }
! inside python3 /deploy/healthcheck.py 18080 2>/dev/null || { echo "error: healthy though it has ended" >&2; exit 1; }
inside find /var/lib/efiqa -name session.jsonl | grep -q .
echo "== cpu: healthy as $(as_efiqa id -un), $(du -sm "$root/opt/efiqa" | cut -f1) MiB in /opt/efiqa"

# --- Dockerfile.jetson
rm -rf "$root/opt/efiqa"
refused() { # SENTENCE COMMAND...
    local said sentence=$1
    shift
    said=$("$@" 2>&1) && { echo "error: not refused: $sentence" >&2; exit 1; }
    grep -q "$sentence" <<<"$said" || { echo "error: '$said' does not say: $sentence" >&2; exit 1; }
    echo "== refused: $said"
}
refused "no TensorRT for python3 in this base image" inside sh /deploy/install-jetson.sh "/$wheel"
stand_in() { # NAME VERSION: a package of which only the name is there
    local folder=$root/usr/lib/python3/dist-packages
    mkdir -p "$folder/$1-$2.dist-info"
    echo "raise ImportError('a stand-in')" > "$folder/$1.py"
    printf 'Metadata-Version: 2.1\nName: %s\nVersion: %s\n' "$1" "$2" > "$folder/$1-$2.dist-info/METADATA"
}
stand_in tensorrt 11.0.0
refused "TensorRT 11.0.0 in this base image" inside sh /deploy/install-jetson.sh "/$wheel"
rm -rf "$root"/usr/lib/python3/dist-packages/tensorrt*
stand_in tensorrt 10.3.0
refused "no nvcc below /usr/local/cuda" inside sh /deploy/install-jetson.sh "/$wheel"
mkdir -p "$root/usr/local/cuda-12.6/bin"
ln -s /bin/true "$root/usr/local/cuda-12.6/bin/nvcc"
stand_in pycuda 2025.1
timed inside sh /deploy/install-jetson.sh "/$wheel"
as_efiqa edge-doctor --quick || true
as_efiqa edge-compile --plan || true # TensorRT is a stand-in: one sentence and no traceback
[ "$(as_efiqa python -c 'import cv2, numpy; from edge.abi.library import version; print(version() is not None)')" = True ]
echo "== jetson: installed, $(du -sm "$root/opt/efiqa" | cut -f1) MiB in /opt/efiqa"
echo "== all steps of both Dockerfiles ran"
