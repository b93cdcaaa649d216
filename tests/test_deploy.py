"""What makes and judges a release: the Makefile on a device, lock, sizes, the comparison of machines, the release."""

from __future__ import annotations

import csv
import importlib.metadata
import os
import py_compile
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.bundle.bundle import default_model, read_bundle

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
THRESHOLDS = read_bundle(default_model()).manifest.thresholds
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The scripts of deploy/, which are no package."""
    pytest.importorskip("packaging")
    monkeypatch.syspath_prepend(ROOT / "deploy")
    return importlib.import_module


def would(target: str, tmp_path: Path, *settings: str) -> str:
    """What make would do on a fresh clone."""
    for name in ("Makefile", "pyproject.toml", "CMakeLists.txt"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci", dirs_exist_ok=True)
    line = ["make", "-n", target, *settings]
    run = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return run.stdout


@needs_make
def test_a_device_gets_no_tool_of_development(tmp_path: Path) -> None:
    said = would("setup", tmp_path, "IS_JETSON=yes", "CI=")
    assert "-e '.[tensorrt," in said
    assert ",dev" not in said
    assert "stubs" not in said
    assert "torch" not in said
    assert "--no-compile" not in said  # a service could not compile anything later
    assert "-e '.[dev," in would("test", tmp_path, "IS_JETSON=yes", "CI=")


@needs_make
def test_a_pc_without_a_gpu_asks_for_the_torch_of_a_cpu(tmp_path: Path) -> None:
    asks = "--index-url https://download.pytorch.org/whl/cpu torch"
    plain = ("CI=", "IS_JETSON=", "PLATFORM=Linux-x86_64", "PYTHONDONTWRITEBYTECODE=")
    before, after = would("setup", tmp_path, *plain, "HAS_GPU=").split("-e '.[")
    assert asks in before
    assert "--no-compile" in before
    assert "train" in after
    assert asks not in would("setup", tmp_path, *plain, "HAS_GPU=GPU 0: NVIDIA RTX")
    assert asks not in would("setup", tmp_path, "CI=true", "HAS_GPU=")


def locked(name: str) -> dict[str, set[str]]:
    """Versions by package of a lock; each must have a hash."""
    found: dict[str, set[str]] = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / ".ci" / "lock" / name).read_text("utf-8").strip()):
        package, version = re.match(r"([\w.-]+)==([\w.+!]+)", entry).groups()  # type: ignore[union-attr]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), f"{package} has no hash"
        found.setdefault(package, set()).add(version)
    return found


def test_the_lock_names_all_that_a_device_may_install() -> None:
    device, cpu = locked("device.txt"), locked("cpu.txt")
    extras = PROJECT["optional-dependencies"]
    left_out = {
        "train",
        "dino",
        "dev",
        "site",
        "ray",
        "rtx",
        "tensorrt",
    }  # CONTRIBUTING.md and docs/releases.md say why
    lines = PROJECT["dependencies"] + [line for name in extras if name not in left_out for line in extras[name]]
    names = {re.split(r"[<>=!~ \[]", line)[0].lower() for line in lines}
    assert names <= set(device)
    assert all(device[name] == versions for name, versions in cpu.items())
    assert "torch" not in device


def test_a_lock_has_no_hash_but_those_of_the_index(tools: Any, tmp_path: Path) -> None:
    faults = tools("compare_lock").faults
    fresh, lock = ROOT / ".ci" / "lock", tmp_path / "lock"
    text = (fresh / "cpu.txt").read_text("utf-8")
    first, second = re.findall(r"sha256:[0-9a-f]{64}", text)[:2]

    def of(changed: str) -> list[str]:
        shutil.rmtree(lock, ignore_errors=True)
        lock.mkdir()
        (lock / "cpu.txt").write_text(changed, "utf-8")
        return [said.replace(str(lock), "lock") for said in faults(lock, fresh)]

    assert of(text) == []
    assert of(text.replace(f"    --hash={first} \\\n", "")) == []  # the index has more by now
    (said,) = of(text.replace(first, "sha256:" + "0" * 64))
    assert re.match(r"lock/cpu.txt has a hash of annotated-doc==.+ that the index does not give: who added sha", said)
    last = re.findall(r"sha256:[0-9a-f]{64}", text)[-1]
    (said,) = of(text.replace(first, last))  # of another package
    assert "that the index does not give" in said
    assert of(re.sub(r" \\\n +--hash=\S+", "", text))[0].endswith(": run make lock")
    assert "does not fit pyproject.toml: run make lock" in of(text.replace("annotated-doc==", "annotated-dog=="))[0]
    assert second != first


def test_sizes_follow_what_the_extras_bring(tools: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("openvino")
    sizes = tools("sizes")
    cpu = sizes.brought("efiqa-edge", frozenset({"cpu"}), {})
    assert {"numpy", "openvino", "av", "opencv-python-headless", "pydantic-core"} <= set(cpu)
    assert not {"torch", "pytest", "aiohttp"} & set(cpu)
    assert sizes.mib(sizes.files_of(cpu["numpy"])) > 10
    (wrong,) = sizes.measure("cpu", 1)
    assert re.fullmatch(r"efiqa-edge\[cpu\] takes \d+ MiB, more than 1", wrong)
    assert "after deploy/slim.py" in capsys.readouterr().out
    (wrong,) = sizes.measure("cpu", 9999, 9999, 2)
    assert re.fullmatch(r"efiqa-edge\[cpu\] takes \d+ MiB after deploy/slim.py, more than 2", wrong)


def test_sizes_count_what_python_compiled_later(tools: Any, tmp_path: Path) -> None:
    sizes = tools("sizes")
    about = tmp_path / "a-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: a\nVersion: 1\n")
    (about / "RECORD").write_text("a.py,,\n")
    (tmp_path / "a.py").write_text("x = 1\n")
    (found,) = importlib.metadata.distributions(path=[str(tmp_path)])
    assert sizes.files_of(found) == {tmp_path / "a.py"}
    made = Path(py_compile.compile(str(tmp_path / "a.py")))
    assert sizes.files_of(found) == {tmp_path / "a.py", made}


def rows(path: Path, **scores: tuple[float, str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "score", "verdict", "error"))
        writer.writerows((f"{path.stem}/{name}.png", score, verdict, "") for name, (score, verdict) in scores.items())
    return path


def compared(here: Path, there: Path) -> tuple[int, str]:
    command = [sys.executable, "deploy/compare.py", str(here), str(there)]
    more = ["--apart", "0.005", "--model", str(default_model())]
    run = subprocess.run([*command, *more], cwd=ROOT, capture_output=True, text=True, timeout=300)
    return run.returncode, run.stdout + run.stderr


def test_scores_of_two_machines_are_compared(tmp_path: Path) -> None:
    good, low = THRESHOLDS.good, THRESHOLDS.usable - 0.1
    here = rows(tmp_path / "here.csv", a=(good + 0.001, "good"), b=(low, "reject"))
    there = rows(tmp_path / "there.csv", a=(good - 0.001, "usable"), b=(low + 0.004, "reject"))
    code, said = compared(here, there)
    assert (code, "2 files, scores at most 0.0040 apart" in said, "1 other verdicts" in said) == (0, True, True), said
    for wrong, words in (
        ({"a": (good + 0.001, "good"), "b": (low + 0.006, "reject")}, "b.png: "),
        ({"a": (good + 0.001, "good"), "b": (low, "usable")}, "b.png: reject here, usable there"),
        ({"a": (good + 0.001, "good")}, "b.png: only on one of them"),
    ):
        code, said = compared(here, rows(tmp_path / "there.csv", **wrong))
        assert (code, words in said) == (1, True), said
    nothing = rows(tmp_path / "nothing.csv")
    assert compared(nothing, nothing)[0] == 1


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_release_has_one_version(tmp_path: Path) -> None:
    """The tag's; pyproject.toml, the package and the changelog must say the same."""
    for name in ("pyproject.toml", "edge/__init__.py", "CHANGELOG.md", "deploy/release"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)

    def git(*words: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True, timeout=60)

    def check() -> str:
        git("add", ".")
        git("commit", "-q", "--allow-empty", "-m", "a")
        return checked()

    def checked() -> str:
        run = subprocess.run(
            ["bash", "deploy/release", "--check"], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert run.returncode == bool(run.stderr)
        assert run.stderr.count("\n") <= 1
        return run.stderr

    git("init", "-q")
    assert "has no tag of a version" in check()
    git("tag", "v9.9.9")
    assert "pyproject.toml is not at 9.9.9" in checked()
    for name in ("pyproject.toml", "edge/__init__.py"):
        path = tmp_path / name
        path.write_text(path.read_text("utf-8").replace(PROJECT["version"], "9.9.9", 1), "utf-8")
    assert "work that is not committed" in checked()
    check()
    git("tag", "-f", "v9.9.9")
    assert "CHANGELOG.md begins with" in checked()
    path = tmp_path / "CHANGELOG.md"
    dated = re.sub(r"^## \[.*$", "## [9.9.9] - 2026-12-01", path.read_text("utf-8"), count=1, flags=re.M)
    path.write_text(dated, "utf-8")
    check()
    git("tag", "-f", "v9.9.9")
    assert checked() == ""


def test_the_changelog_is_of_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    headings = re.findall(r"^## (.*)$", text, re.M)
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - (Unreleased|\d{4}-\d\d-\d\d)", each) for each in headings), headings
    assert headings[0].startswith(f"[{PROJECT['version']}] - ")
    assert set(re.findall(r"^### (.*)$", text, re.M)) <= {
        "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security",
    }  # fmt: skip


@pytest.mark.skipif(shutil.which("proot") is None, reason="no proot: WHAT A ROOT OF proot SEES WAS NOT TESTED")
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler: WHAT A ROOT OF proot SEES WAS NOT TESTED")
def test_a_root_of_proot_has_its_own_files_and_no_right_to_mount(tmp_path: Path) -> None:
    program, root = tmp_path / "look.c", tmp_path / "root"
    (root / "here").mkdir(parents=True)
    program.write_text(
        "#include <stdio.h>\n#include <sys/prctl.h>\n#include <unistd.h>\n"
        'int main(void) { printf("%d %d\\n", access("/here", R_OK), prctl(PR_CAPBSET_READ, 21)); return 0; }\n'
    )
    subprocess.run(["cc", "-static", "-o", str(root / "look"), str(program)], check=True, timeout=120)
    command = [sys.executable, "deploy/proot.py", "-0", "-w", "/", "-r", str(root), "/look"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.stdout.split()[:1] == ["0"], run.stdout + run.stderr
    assert os.geteuid() or run.stdout.split()[1] == "0"


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_scripts_are_short_and_say_what_they_want(tmp_path: Path) -> None:
    scripts = [path for path in (ROOT / "deploy").iterdir() if path.is_file() and path.read_bytes().startswith(b"#!")]
    assert len(scripts) >= 7
    for path in scripts:
        assert len(path.read_text("utf-8").splitlines()) < 150, path
        subprocess.run(["bash", "-n", str(path)], check=True, timeout=60)
        assert path.stat().st_mode & 0o111, path
    run = subprocess.run([ROOT / "deploy" / "root"], capture_output=True, text=True, timeout=60)
    assert (run.returncode, "deploy/root make ARCHITECTURE" in run.stderr) == (2, True)
