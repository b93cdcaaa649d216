# Every target is independent: it also runs on a fresh clone and makes what it needs.
#   make demo          a synthetic eye in a shaky hand, graded live: no camera and no data needed
#   make setup         .venv with everything that this machine supports
#   make test          the quick tests of every part (PYTEST_ARGS="-m slow" for the slow ones)
#   make test-services those that drive an archive, a proxy, systemd, a browser, a compiler or an emulator; what is not installed is skipped
#   make test-chain    those of a whole chain: from photographs to a bundle, the tutorial, the studies
#   make check-long    all slow tests: ten minutes each of image files, of bundles and of calls of the library changed at random, the largest images, a session of half an hour
#   make lint          ruff, mypy and the order of the layers
#   make site          the documentation as a site in site/, with the page of make try; no network to read it; warnings are errors
#   make model         from photographs (DATA=folder) to the default model, what tells retinas and causes by it, and its
#                      engine; steps that RUN=folder holds are done, OTHERS=folder has pictures of anything but retinas
#   make evaluation    measure each step of that model: rewrites the tables of docs/benchmarks.md
#   make bench         latency, throughput and memory of the default model here
#   make speed         rewrite every table of speed of docs/benchmarks.md (a long run)
#   make test-oldest   the tests of the parts of edge on Python 3.10, numpy 1.26 and OpenCV 4, as on JetPack 6
#   make test-tensorrt85  check the TensorRT names in use against the real 8.5 of JetPack 5 (1.7 GB of wheels)
#   make wheels        a wheel for x86-64 and one for 64-bit ARM, into dist/, for every Python (apt: g++ g++-aarch64-linux-gnu)
#   make nvrtc         the CUDA compiler of JetPack 6, into build/nvrtc (24 MB): with it `make test` compiles the kernels for an Orin
#   make ptx           the kernels of the frame step as the package carries them, compiled anew after a change (after make nvrtc)
#   make sizes         what an install takes, and whether that is within its limits
#   make trust         dist/sbom.cdx.json and dist/licences.md of what .ci/lock/ holds, and whether that fits pyproject.toml
#   make lock          renew .ci/lock/: each package of a device with its version and hashes
#   make release       all that a release consists of, from a commit with its tag (vX.Y.Z) and its day in CHANGELOG.md
#   make check-bare    the two commands of the README, and an install without a network, in Debian with Python alone (apt: debootstrap; an hour)
#   make check-arm64   the wheel for 64-bit ARM in Debian for it, under an emulator (apt: debootstrap qemu-user-static; an hour)
#   make try           the page that runs the model in a browser, in build/try (needs npm); TRY=folder
#   make pictures      the picture and the film of the README, from synthetic eyes
#   make clean         remove what the targets made

PYTHON ?= python3
PYTHON310 ?=
DATA ?= ../shared/data
RUN ?= trainer/runs/default
MODEL ?= edge/models/default.efiqa
TRY ?= build/try
PIP_ARGS ?=
PYTEST_ARGS ?=
PARALLEL ?= -n 4 --dist loadfile --no-loadscope-reorder # much of the tests' time is spent waiting: for processes, sockets, pages

comma := ,
VENV := .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest
TENSORRT85 := .venv-tensorrt85
RELEASE := .venv-release
LOCKED := .venv-locked
ROOTS ?= build/roots
PIP_INSTALL = -m pip install --disable-pip-version-check $(if $(CI),-q) $(PIP_ARGS)
INPUTS := pyproject.toml CMakeLists.txt $(wildcard edge/native/* edge/native/*/* edge/native/*/*/*)

# What this machine supports. On a Jetson, TensorRT and OpenCV (the one with GStreamer) are JetPack's own: the environment
# must see them, and numpy must stay at the version they were built for. Elsewhere, TensorRT-RTX has wheels for x86-64
# Linux, and without an NVIDIA GPU, as in CI, the pinned torch is enough. pycuda builds only with the CUDA toolkit.
PLATFORM := $(shell uname -s)-$(shell uname -m)
IS_JETSON := $(wildcard /etc/nv_tegra_release)
HAS_GPU := $(shell nvidia-smi -L 2>/dev/null | grep -c GPU | grep -v '^0')
# A freshly flashed board has the CUDA toolkit, but not on the PATH: pycuda would not build.
CUDA := $(if $(shell command -v nvcc 2>/dev/null),,$(patsubst %/bin/nvcc,%,$(firstword $(wildcard /usr/local/cuda/bin/nvcc /usr/local/cuda-*/bin/nvcc))))
ifneq ($(CUDA),)
  export PATH := $(CUDA)/bin:$(PATH)
  export CPATH := $(CUDA)/include$(if $(CPATH),:$(CPATH))
  export LIBRARY_PATH := $(CUDA)/lib64$(if $(LIBRARY_PATH),:$(LIBRARY_PATH))
endif
HAS_NVCC := $(CUDA)$(shell command -v nvcc 2>/dev/null)
HAS_CUDA := $(if $(HAS_NVCC),$(shell ldconfig -p 2>/dev/null | grep -o -m 1 'libcuda\.so'))
ifdef IS_JETSON
  LIGHT := tensorrt
  ALL := tensorrt,web,dicom,heic,sign,report,curate,remote
  TOOLS := $(VENV)/.dev
  VENV_ARGS := --system-site-packages
  # JetPack 6, whose Python is 3.10, was built for numpy 1; else what the system's numpy is says what its OpenCV was built for.
  IS_OLD := $(shell $(PYTHON) -c 'import sys; sys.version_info < (3, 11) and print(1)' 2>/dev/null)
  HAS_NUMPY1 := $(shell $(PYTHON) -c 'import numpy; numpy.__version__ < "2" and print(1)' 2>/dev/null)
  CONSTRAINTS := $(if $(IS_OLD),-c .ci/oldest.txt,$(if $(HAS_NUMPY1),-c .ci/numpy1.txt))
else
  LIGHT := cpu
  ALL := cpu,train,metrics,dino,web,dicom,heic,sign,curate,remote,ray,site,dev$(if $(filter Linux-x86_64,$(PLATFORM)),$(comma)rtx)
  # PyPI's torch brings 6.4 GB of CUDA. Where there is no GPU to use them it comes from the index of its builds for the CPU
  # alone; TORCH_INDEX= (empty) takes PyPI's all the same. CI has a build for the CPU already.
  TORCH_INDEX ?= $(if $(HAS_GPU)$(CI),,$(if $(filter Linux-%,$(PLATFORM)),https://download.pytorch.org/whl/cpu))
  CONSTRAINTS := $(if $(CI),-c .ci/constraints.txt,$(if $(HAS_GPU),,-c .ci/constraints.txt))
endif

TOOLS ?= $(VENV)/.all
# Python compiles a module when it is first imported. pip would compile all of them, which takes a minute and 240 MiB. It
# does where that cannot be done later, as by a service on a device, and in CI, which starts a thousand programs.
COMPILE := $(if $(IS_JETSON)$(CI)$(PYTHONDONTWRITEBYTECODE),,--no-compile)

.PHONY: setup demo test test-services test-chain check-long lint site model evaluation bench speed try pictures test-oldest test-tensorrt85 clean
.PHONY: nvrtc ptx wheels sizes trust lock release check-bare check-arm64
.DELETE_ON_ERROR:

setup: $(VENV)/.all

demo: $(VENV)/.light
	@rm -rf demo
	$(BIN)/edge-capture demo --out demo
	@echo
	@echo "The demo is in demo/; look at:"
	@ls -1 demo/session.webm 2>/dev/null | sed 's/$$/   the eye under its degradation map with score and verdict, frame by frame/'
	@ls -1 demo/*.overlay.jpg 2>/dev/null | sed 's/$$/   the best frame under its map (blue: anatomy not visible; a good frame shows next to none)/'
	@ls -1 demo/session.jsonl 2>/dev/null | sed 's/$$/   one line per frame: score, verdict and times/'

test: $(TOOLS)
	$(BIN)/python -m pytest $(PARALLEL) $(PYTEST_ARGS)

test-services: $(TOOLS)
	$(BIN)/python -m pytest $(PARALLEL) -m 'services and not slow' $(PYTEST_ARGS)

test-chain: $(TOOLS)
	$(BIN)/python -m pytest $(PARALLEL) -m 'chain and not slow' $(PYTEST_ARGS)

check-long: $(TOOLS)
	EFIQA_FUZZ_SECONDS=600 EFIQA_SOAK_MINUTES=30 $(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

lint: $(TOOLS)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

site: $(TOOLS)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	$(BIN)/python docs/try/build.py site/try "$(MODEL)"
	@echo "site: open site/index.html"

model: $(VENV)/.all
	$(BIN)/edge-train all --recipe default --data "$(DATA)" --out "$(RUN)"
	$(BIN)/edge-calibrate int8 "$(RUN)" --data "$(DATA)" --finetune 1200 -o "$(RUN)/int8.efiqa"
	$(BIN)/edge-calibrate cameras "$(RUN)/int8.efiqa" --data "$(DATA)" -o "$(MODEL)"
	$(BIN)/edge-train fundus --data "$(DATA)" $(if $(OTHERS),--others "$(OTHERS)")
	$(BIN)/edge-train causes --data "$(DATA)" --leave-out tests/real/marks/haze.csv
	$(BIN)/edge-compile "$(MODEL)"

evaluation: $(VENV)/.all
	$(BIN)/edge-train evaluate --recipe default --data "$(DATA)" --out "$(RUN)" --model "$(MODEL)" --page docs/benchmarks.md

bench: $(VENV)/.all
	$(BIN)/edge-bench "$(MODEL)"

speed: $(VENV)/.all
	$(BIN)/edge-bench tables docs/benchmarks.md --model "$(MODEL)"

try: $(VENV)/.all
	$(BIN)/python docs/try/build.py "$(TRY)" "$(MODEL)"

pictures: $(VENV)/.all
	$(BIN)/python docs/pictures/point.py
	$(BIN)/python docs/pictures/film.py

test-oldest: $(OLDEST)/.ready
	$(OLDEST)/bin/python -m pytest $(PARALLEL) tests/edge $(PYTEST_ARGS)

# Without a GPU no engine is built: only names, enums and the error for a missing GPU are tested.
test-tensorrt85: $(TENSORRT85)/.ready
	LD_LIBRARY_PATH=$$(echo $(CURDIR)/$(TENSORRT85)/lib/python3.10/site-packages/nvidia/*/lib | tr ' ' ':') \
	  $(TENSORRT85)/bin/python -m pytest tests/edge/engines/tensorrt/test_api.py $(PYTEST_ARGS)

ptx: build/nvrtc/.ready
	$(RELEASE)/bin/python deploy/ptx.py

wheels: $(RELEASE)/.ready
	deploy/wheels $(RELEASE)/bin

nvrtc: build/nvrtc/.ready

# Limits in MiB, with Python 3.11: as installed, without compiled modules, and after deploy/slim.py. docs/releases.md has
# what is wanted, and why it is not reached.
sizes: $(LOCKED)/.ready $(VENV)/.all
	PYTHONPATH=$$(echo $(LOCKED)/lib/python3*/site-packages) $(RELEASE)/bin/python deploy/sizes.py cpu=610/575/520
	$(BIN)/python deploy/sizes.py train=1610/1370/1300 train,cpu=1890/1650/1515

trust: $(LOCKED)/.ready
	deploy/trust $(RELEASE)/bin $(LOCKED)

lock: $(RELEASE)/.ready
	deploy/lock $(RELEASE)/bin

release:
	deploy/release

check-bare: $(LOCKED)/.ready
	deploy/check-bare $(ROOTS)/amd64

check-arm64: $(LOCKED)/.ready $(VENV)/.all
	deploy/check-arm64 $(VENV) $(LOCKED) $(ROOTS)/arm64

clean:
	rm -rf $(VENV) $(OLDEST) $(TENSORRT85) $(RELEASE) $(LOCKED) build dist demo site

# --- environments: a stamp file marks a complete one; a change of pyproject.toml or of the C++ rebuilds it.

# $(call check_jetpack,PYTHON): pip would fetch a TensorRT of its own, which is of another JetPack or of none.
ifdef IS_JETSON
define check_jetpack
@$(1) -c 'import importlib.metadata as m; m.version("tensorrt")' 2>/dev/null || { \
  echo "error: '$(1)' sees no TensorRT of JetPack: sudo apt install nvidia-jetpack, and take the Python that came with it" >&2; exit 1; }
endef
endif

# $(call make_venv,PYTHON,FOLDER): reports in one sentence what is missing.
define make_venv
@$(1) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
  echo "error: '$(1)' is not Python 3.10 or newer: install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
@test -x $(2)/bin/python || $(1) -m venv $(VENV_ARGS) $(2) >/dev/null || { rm -rf $(2); \
  echo "error: $(1) cannot make a virtual environment: install its venv module (Debian: apt install python3-venv)" >&2; exit 1; }
@command -v c++ >/dev/null || command -v g++ >/dev/null || \
  echo "note: no C++ compiler, so the frame step will be OpenCV's, several times slower (Debian: apt install g++)" >&2
endef

$(VENV)/.light: $(INPUTS)
	$(call check_jetpack,$(PYTHON))
	$(call make_venv,$(PYTHON),$(VENV))
	$(BIN)/python $(PIP_INSTALL) $(COMPILE) $(CONSTRAINTS) -e '.[$(LIGHT)]'
	@touch $@

$(VENV)/.all: $(INPUTS) .ci/constraints.txt
	$(call check_jetpack,$(PYTHON))
	$(call make_venv,$(PYTHON),$(VENV))
ifneq ($(TORCH_INDEX),)
	$(BIN)/python $(PIP_INSTALL) $(COMPILE) $(CONSTRAINTS) --retries 1 --timeout 15 --index-url $(TORCH_INDEX) torch || \
	  echo "note: $(TORCH_INDEX) gives no torch: PyPI's may bring 6.4 GB of CUDA" >&2
endif
	$(BIN)/python $(PIP_INSTALL) $(COMPILE) $(CONSTRAINTS) -e '.[$(ALL)]'
ifdef HAS_CUDA
	$(BIN)/python $(PIP_INSTALL) pycuda || echo "note: pycuda did not build, so TensorRT engines cannot run here" >&2
endif
ifndef IS_JETSON
	@# Types of TensorRT for mypy, without the library itself; outside the installed packages, where they would hide it.
	@# As published they are not valid Python in a few places.
	$(BIN)/python $(PIP_INSTALL) --no-deps --upgrade --target $(VENV)/stubs tensorrt-stubs==10.13.0.35.1 && \
	  sed -i.bak -e 's/ in: list\[/ in_: list[/' -e 's/= None, channel_axis: int)/= None, channel_axis: int = 0)/' \
	    $(VENV)/stubs/tensorrt_bindings/tensorrt.pyi || echo "note: no types of TensorRT, so mypy checks less" >&2
endif
	@touch $(VENV)/.light $@

# A device runs, and is not developed on: there the tools come with the first `make test` or `make lint`.
$(VENV)/.dev: $(VENV)/.all
	$(BIN)/python $(PIP_INSTALL) $(CONSTRAINTS) -e '.[dev,site]'
	@touch $@

# $(call make_venv310,FOLDER): with the Python 3.10 in PYTHON310, or the first that is found.
define make_venv310
@for python in $(PYTHON310) python3.10 "$$HOME"/.pyenv/versions/3.10.*/bin/python; do \
  "$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))' 2>/dev/null || continue; \
  test -x $(1)/bin/python || "$$python" -m venv $(1); exit; \
done; \
echo "error: no Python 3.10 found: install one, or name it: make $(MAKECMDGOALS) PYTHON310=/path/to/python3.10" >&2; exit 1
endef

$(OLDEST)/.ready: $(INPUTS) .ci/oldest.txt
	$(call make_venv310,$(OLDEST))
	$(OLDEST)/bin/python $(PIP_INSTALL) -c .ci/oldest.txt -e '.[cpu,metrics,web,dicom,heic,sign,curate,remote]' pytest pytest-xdist hypothesis onnxruntime
	@touch $@

$(TENSORRT85)/.ready: $(INPUTS) .ci/oldest.txt
	$(call make_venv310,$(TENSORRT85))
	$(TENSORRT85)/bin/python $(PIP_INSTALL) -c .ci/oldest.txt -e '.[cpu]' pytest hypothesis onnxruntime \
	  tensorrt==8.5.3.1 nvidia-cuda-runtime-cu11 nvidia-cublas-cu11 'nvidia-cudnn-cu11<9'
	@touch $@

$(RELEASE)/.ready: .ci/release.txt
	$(call make_venv,$(PYTHON),$(RELEASE))
	$(RELEASE)/bin/python $(PIP_INSTALL) -r .ci/release.txt
	@touch $@

# The last of CUDA 12.6. Its nvcc is not on PyPI (nvidia-cuda-nvcc-cu12 holds ptxas alone); this is the same compiler as a library.
build/nvrtc/.ready: $(RELEASE)/.ready
	rm -rf build/nvrtc
	$(RELEASE)/bin/python $(PIP_INSTALL) -q --no-deps --target build/nvrtc nvidia-cuda-nvrtc-cu12==12.6.85
	@touch $@

# What a device installs from .ci/lock/, each by its hash, and the wheel of this machine.
$(LOCKED)/.ready: $(RELEASE)/.ready $(INPUTS) .ci/lock/cpu.txt .ci/lock/device.txt
	deploy/wheels $(RELEASE)/bin
	$(call make_venv,$(PYTHON),$(LOCKED))
	$(LOCKED)/bin/python $(PIP_INSTALL) --require-hashes -r .ci/lock/device.txt
	$(LOCKED)/bin/python $(PIP_INSTALL) --no-deps --force-reinstall dist/efiqa_edge-*_$$(uname -m).whl
	@touch $@
