"""Nothing heavy below the trainer; who may import whom inside the project stands in pyproject.toml."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = ("edge", "trainer", "calibration", "benchmarks")  # a package may import itself and those before it
HEAVY = {"torch", "torchvision", "modelopt", "onnx", "onnxsim", "onnxruntime", "scipy", "transformers", "matplotlib"}
HEAVY |= {"sklearn"}
# One test each reads all of them, and names all that offend: a test per module is slower to collect than to run.
TEXTS = {path: path.read_text(encoding="utf-8") for package in ORDER for path in sorted((ROOT / package).rglob("*.py"))}
# What a camera installs, with one of the engines and what the engines infer through.
DEVICE = {"numpy", "cv2", "yaml", "typer", "rich", "openvino", "tensorrt", "tensorrt_rtx", "pycuda", "edge"}
# Linux with GStreamer's own Python packages, imported only where a pipeline is opened.
DEVICE |= {"gi"}
DEVICE |= {"pydicom"}  # DICOM, written and read, imported only where it is asked for
DEVICE |= {"pynetdicom"}  # DICOM nodes and worklists, imported only in the process that speaks to one
DEVICE |= {"PIL", "simplejpeg", "tifffile", "pillow_heif"}  # what decodes photographs, in its own process; letters
DEVICE |= {"av", "simplejpeg"}  # recordings, streams and cameras that send JPEG, with word of what came damaged
DEVICE |= {"onnx"}  # a bundle's network, read and checked, imported only where one is
DEVICE |= {"onnxruntime"}  # runs what edge-compile --export wrote, imported only there
DEVICE |= {"pydantic", "pydantic_core"}  # what files hold, checked; the first imported only where it is needed
DEVICE |= {"aiohttp"}  # the preview page and DICOMweb servers, imported only where there is one
DEVICE |= {"sklearn"}  # folds of cross-validation, imported only where there are labels
DEVICE |= {"cryptography"}  # signatures of bundles, imported only where somebody is to be trusted
DEVICE |= {"imagehash", "pyarrow"}  # tables of archives, imported only where there is one
DEVICE |= {"fsspec", "yarl"}  # object storage and web servers, imported only where an address is given
DEVICE |= {"setproctitle"}  # hides passwords among the arguments, imported only where there is one
DEVICE |= {"filelock", "psutil"}  # the lock of the engine cache; memory, for edge-doctor


@functools.cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(text) for path, text in TEXTS.items()}


def called(node: ast.expr) -> str:
    """The dotted name of a function, ``.name`` where it is one of an expression."""
    if isinstance(node, ast.Attribute):
        return f"{called(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> set[str]:
    """Top-level names of all modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(trees()[path]):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)}:{node.lineno}: relative imports hide the layer"
            names.add(str(node.module).split(".")[0])
    return names


def test_every_package_is_read() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in TEXTS} == set(ORDER)
    assert "cv2" in imports(ROOT / "edge" / "field" / "find.py")


def test_edge_needs_only_what_a_camera_installs() -> None:
    installed = {*sys.stdlib_module_names, "__future__", *DEVICE}
    found = {named(path): imports(path) - installed for path in TEXTS if path.is_relative_to(ROOT / "edge")}
    assert {name: more for name, more in found.items() if more} == {}


@pytest.mark.parametrize(
    "module", ["edge", "edge.commands.grade", "edge.commands.capture", "edge.commands.compile", "edge.commands.doctor"]
)
def test_importing_edge_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*({HEAVY!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


# These load a module of ours by its name, when it is used: its libraries are heavy, or may be missing.
LATE = {
    "benchmarks/peers/build.py",  # torch
    "benchmarks/peers/published.py",  # torch
    "edge/__init__.py",  # OpenCV
    "edge/capture/archive/target.py",  # aiohttp
    "edge/commands/start.py",  # every command, and with ``late`` torch
    "edge/doctor/checkup.py",  # OpenCV
    "edge/doctor/machine.py",  # OpenCV
    "edge/images/decode.py",  # pydicom
    "edge/images/worker.py",  # Pillow
    "edge/preview/server.py",  # aiohttp
    "edge/sources/dicomweb.py",  # aiohttp
    "trainer/networks/backbone.py",  # not ours: the package with the weights of a backbone
}
CONSOLES = {"typer", "rich", "click"}


def ours(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return str(node.module).split(".")[0] in ORDER
    return isinstance(node, ast.Import) and any(alias.name.split(".")[0] in ORDER for alias in node.names)


def hidden_imports(tree: ast.Module) -> list[int]:
    """Lines that import a module of ours in a function, or for type checkers alone."""
    hiding = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
    ]
    return [each.lineno for node in hiding for each in ast.walk(node) if ours(each)]


def late_imports(tree: ast.Module) -> list[int]:
    """Lines that load a module of ours by its name."""
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and called(node.func).endswith("import_module")
    ]
    return [
        call.lineno
        for call in calls
        if not isinstance(call.args[0], ast.Constant) or str(call.args[0].value).split(".")[0] in ORDER
    ]


def is_command(path: Path) -> bool:
    """Whether it may print: a command, its options, where one starts, and a study, a command of its own each."""
    part = path.relative_to(ROOT)
    return "commands" in part.with_suffix("").parts or part.stem in ("start", "options") or "studies" in part.parts


def imports_commands(tree: ast.Module) -> list[int]:
    """Lines that import commands."""
    return [n.lineno for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "edge.commands"]


def printed(tree: ast.Module) -> list[int]:
    """Lines that print, but for those of a module that is called as a script."""
    scripts = [node for node in tree.body if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test)]
    inside = {each for node in scripts for each in ast.walk(node)}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node not in inside]
    return [call.lineno for call in calls if called(call.func) in ("print", "sys.stdout.write", "sys.stderr.write")]


def offenders(find: Callable[[ast.Module], list[int]], paths: Iterable[Path] = TEXTS) -> dict[str, list[int]]:
    """Lines that ``find`` finds, by module."""
    found = {named(path): find(trees()[path]) for path in paths}
    return {name: lines for name, lines in found.items() if lines}


def test_imports_of_our_own_stand_at_the_top() -> None:
    assert offenders(hidden_imports) == {}
    assert {name: lines for name, lines in offenders(late_imports).items() if name not in LATE} == {}


def test_only_commands_own_a_console() -> None:
    others = [path for path in TEXTS if not is_command(path)]
    consoles = {named(path): imports(path) & CONSOLES for path in others}
    assert {name: found for name, found in consoles.items() if found} == {}
    assert offenders(printed, others) == {}
    assert offenders(imports_commands, others) == {}


def test_what_these_tests_forbid_they_find() -> None:
    hidden = "if TYPE_CHECKING:\n    from edge import model\ndef f():\n    import trainer.recipe\n    import torch"
    assert sorted(hidden_imports(ast.parse(hidden))) == [2, 4]
    late = "import_module('edge.model')\nimport_module('pynvml')\nimportlib.import_module(name)"
    assert late_imports(ast.parse(late)) == [1, 3]
    assert remembered(ast.parse("@functools.lru_cache(3)\ndef f(): pass\n@cached\ndef g(): pass")) == [2]
    assert imports_commands(ast.parse("from edge.commands import asked\nfrom edge import model")) == [1]
    assert printed(ast.parse("print(1)\nif __name__ == '__main__':\n    print(2)")) == [1]


def test_a_module_is_read_in_one_sitting() -> None:
    lengths = {named(path): len(text.splitlines()) for path, text in TEXTS.items()}
    assert {name: length for name, length in lengths.items() if length > 250} == {}


# What one process computes once: constants of the package, and the one GPU. Data of a run are handed on.
CACHES = {
    "edge/engines/tensorrt/cuda.py",
    "edge/engines/verify.py",
    "edge/findings/cause_network.py",
    "edge/fundus.py",
    "edge/guidance/hint.py",
    "edge/overlay/words.py",
    "edge/phantom/golden.py",
}


def remembered(tree: ast.Module) -> list[int]:
    """Lines of functions that remember what they returned."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [
        function.lineno
        for function in functions
        if any(re.match(r"(functools\.)?(lru_)?cache\b", ast.unparse(each)) for each in function.decorator_list)
    ]


def test_nothing_is_remembered_behind_a_function() -> None:
    assert {name: lines for name, lines in offenders(remembered).items() if name not in CACHES} == {}
