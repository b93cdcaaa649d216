"""edge-compile: build and keep the engine of a model, for this machine or ahead of time for a GPU family."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from edge.atomic import write_atomically
from edge.bundle import default_model, read_bundle
from edge.commands import cli
from edge.engines.cache import Built, sidecar
from edge.engines.choose import Compiled, compile_bundle
from edge.errors import EdgeError

app = cli.new_app("Build the engine of a model.")
main = cli.main_of(app)

_HELP = """Build the engine of a model and keep it in the cache, where every other command finds it.

Without --target the engine is for this machine. With it, TensorRT-RTX builds ahead of time for a family of NVIDIA
GPUs, and no GPU is needed: sm75 is RTX 20, sm80 A100, sm86 RTX 30, sm89 RTX 40, sm120 RTX 50, sm121 DGX Spark.
The cache folder (EFIQA_CACHE, or ~/.cache/efiqa-edge) may be copied to the device.

\b
Examples:
  edge-compile
  edge-compile model.efiqa --target sm86 --out model.sm86.engine
"""


class Target(str, Enum):
    """What to build for."""

    sm75 = "sm75"
    sm80 = "sm80"
    sm86 = "sm86"
    sm89 = "sm89"
    sm120 = "sm120"
    sm121 = "sm121"
    current = "current"


Model = Annotated[Path | None, typer.Argument(help="A .efiqa file; without it, the model that ships with the package.")]
For = Annotated[Target, typer.Option(help="A GPU family to build for ahead of time, or this machine.")]
Out = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also write the engine to FILE, and FILE.json that describes it.")
]


@app.command(help=_HELP)
def compile_model(
    model: Model = None,
    engine: cli.Runtime = cli.EngineName.auto,
    target: For = Target.current,
    out: Out = None,
    as_json: cli.Json = False,
    debug: cli.Debug = False,
) -> None:
    """Build, keep, tell."""
    if target is not Target.current and engine not in (cli.EngineName.auto, cli.EngineName.tensorrt_rtx):
        raise typer.BadParameter(
            f"only tensorrt_rtx builds for {target.value}; leave --engine out, or use --target current."
        )
    bundle = read_bundle(model or default_model())
    compiled = compile_bundle(bundle, engine.value, target.value)
    built = compiled.built
    if out is not None:
        _copy(built, out)
    elif built.path is None:
        raise EdgeError("the engine was built but not kept: set EFIQA_CACHE to a folder with free space, or use --out")
    if as_json:
        print(json.dumps(_facts(compiled, bundle.path, out), indent=1))
    else:
        _tell(compiled, bundle.path, out)


def _copy(built: Built, out: Path) -> None:
    try:
        write_atomically(out, built.data)
        write_atomically(out.with_name(out.name + ".json"), sidecar(built.key, built.data))
    except OSError as error:
        raise EdgeError(
            f"{out} cannot be written ({error.strerror or error}): check the folder and its free space"
        ) from error


def _facts(compiled: Compiled, model: Path, out: Path | None) -> dict[str, Any]:
    built = compiled.built
    return {
        "model": str(model),
        "engine": built.key["runtime"],
        "version": built.key["version"],
        "target": built.key["target"],
        "path": None if built.path is None else str(built.path),
        "out": None if out is None else str(out),
        "size_mib": round(len(built.data) / 2**20, 3),
        "from_cache": built.cached,
        "build_seconds": round(built.seconds, 3),
        "verified": compiled.verified,
        "passed_over": compiled.passed_over,
        "key": built.key,
    }


def _tell(compiled: Compiled, model: Path, out: Path | None) -> None:
    built = compiled.built
    target = "this machine" if built.key["target"] == "current" else built.key["target"]
    how = "from the cache" if built.cached else f"built in {built.seconds:.1f} s"
    lines = [f"{model} on {built.key['runtime']} {built.key['version']} for {target}"]
    lines.append(f"{len(built.data) / 2**20:.2f} MiB, {how}")
    lines.append(_verified(compiled.verified))
    lines.extend(f"not {name}: {reason}" for name, reason in compiled.passed_over.items())
    lines.extend(f"engine: {path}" for path in (built.path, out) if path is not None)
    cli.out.print("\n".join(lines), markup=False)


def _verified(facts: dict[str, Any] | None) -> str:
    if facts is None:
        return "not verified: that is done where it is first loaded"
    if facts["against"] == "onnx":
        return (
            f"verified against the ONNX on {facts['frames']} frames: maps differ by {facts['map_mae']:.4f} on average, "
            f"{facts['map_max']:.4f} at most, scores by {facts['score_max']:.4f}"
        )
    if facts["against"] == "golden scores":
        return f"verified on {facts['frames']} golden frames: scores differ by up to {facts['score_max']:.4f}"
    return "not verified: the bundle has nothing to hold it against"


if __name__ == "__main__":
    main()
