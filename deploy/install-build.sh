#!/bin/sh
# The wheel of a clone, with its compiled frame step: sh install-build.sh CLONE FOLDER
# Run by both Dockerfiles in their first stage, and by check-root.sh in a bare Debian.
set -eu
export DEBIAN_FRONTEND=noninteractive PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
apt-get update -qq
apt-get install -y -qq --no-install-recommends python3 python3-venv g++ make
python3 -m venv /tmp/build
/tmp/build/bin/pip wheel -q --no-deps -w "$2" "$1"
rm -rf /tmp/build
