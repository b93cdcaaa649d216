#!/bin/sh
# edge-capture on a Jetson's GPU, into /opt/efiqa, for a user of its own: sh install-jetson.sh WHEEL
# Run by Dockerfile.jetson, and by check-root.sh in a bare Debian with a stand-in for TensorRT and pycuda.
set -eu
export DEBIAN_FRONTEND=noninteractive PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1

fail() { echo "error: $1" >&2; exit 1; }

# The base brings TensorRT. Its library starts only beside a GPU, so it is looked for and not imported.
version=$(python3 -c 'import importlib.metadata as m; print(m.version("tensorrt"))' 2>/dev/null) ||
    fail "no TensorRT for python3 in this base image: take nvcr.io/nvidia/l4t-jetpack:r36.4.0 (JetPack 6.2) or nvcr.io/nvidia/tensorrt:26.05-py3 (JetPack 7.2)"
case $version in
    10.*) ;;
    *) fail "TensorRT $version in this base image, and no JetPack has it: take one with 10.3 (JetPack 6.2) or 10.16 (JetPack 7.2)" ;;
esac

# pycuda is built here, and finds nvcc, cuda.h and the stub of libcuda only where these say so.
cuda=
for folder in ${CUDA_HOME:-} /usr/local/cuda /usr/local/cuda-*; do
    [ -x "$folder/bin/nvcc" ] && cuda=$folder && break
done
[ -n "$cuda" ] || fail "no nvcc below /usr/local/cuda, so pycuda cannot be built: take a base image with the CUDA toolkit, or set CUDA_HOME"
export PATH="$cuda/bin:$PATH" CPATH="$cuda/include" LIBRARY_PATH="$cuda/lib64:$cuda/lib64/stubs"

apt-get update -qq
# GStreamer for the sensor (csi), whose plugin nvarguscamerasrc comes from the host.
apt-get install -y -qq --no-install-recommends python3 python3-venv python3-dev g++ \
    python3-gi gir1.2-gstreamer-1.0 gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-good
rm -rf /var/lib/apt/lists/*
python3 -m venv --system-site-packages /opt/efiqa

# JetPack 6 was built for numpy 1 and OpenCV 4, JetPack 7 for numpy 2 and OpenCV 5.
constraint=
[ "$(python3 -c 'import sys; print(sys.version_info.minor)')" -gt 10 ] || constraint="-c $(dirname "$0")/oldest.txt"
opencv=
python3 -c 'import cv2' 2>/dev/null || opencv="opencv-python-headless"
# shellcheck disable=SC2086 # both may be empty
/opt/efiqa/bin/pip install -q $constraint "$1[tensorrt,web,dicom,sign]" $opencv
found=$(/opt/efiqa/bin/python -c 'import importlib.metadata as m; print(m.version("tensorrt"))')
[ "$found" = "$version" ] || fail "pip put TensorRT $found before the $version of the base image: report this"
sh "$(dirname "$0")/install-user.sh"
