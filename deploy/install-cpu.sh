#!/bin/sh
# edge-capture on a CPU, into /opt/efiqa, for a user of its own: sh install-cpu.sh WHEEL
# Run by Dockerfile.cpu, and by check-root.sh in a bare Debian.
set -eu
export DEBIAN_FRONTEND=noninteractive PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
apt-get update -qq
apt-get install -y -qq --no-install-recommends python3 python3-venv
rm -rf /var/lib/apt/lists/*
python3 -m venv /opt/efiqa
/opt/efiqa/bin/pip install -q "$1[cpu,web,dicom,sign]"
sh "$(dirname "$0")/install-user.sh"
