"""edge-compile: build and keep the engine of a model, for this machine or ahead of time for a GPU family."""

from __future__ import annotations

import dataclasses
import json
import shutil
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from edge.bundle.bundle import Bundle, read_bundle
from edge.bundle.named import named_bundle
from edge.commands.console import cli
from edge.commands.engine_facts import explained, facts_of, verified
from edge.engines.cache import CURRENT, Built, cache_folder, sidecar
from edge.engines.choose import Compiled, EnginePlan, compile_bundle, plan_bundle
from edge.engines.tensorrt.builder import TARGETS
from edge.errors import EdgeError, reason_of
from edge.export import pipelines
from edge.export.check import check_export
from edge.files.output import check_output, is_stream, write_output
from edge.modality import check_fundus

app = cli.new_app("Build the engine of a model.")
main = cli.main_of(app)

_HELP = """Build the engine of a model and keep it in the cache, where every other command finds it.

Without --target the engine is for this machine. With it, TensorRT-RTX builds ahead of time for a family of NVIDIA
GPUs, and no GPU is needed: sm75 is RTX 20, sm80 A100, sm86 RTX 30, sm89 RTX 40, sm120 RTX 50, sm121 DGX Spark.
A Jetson Orin (sm87) is not among them: run edge-compile on the Orin itself, where TensorRT builds.
The cache folder (EFIQA_CACHE, or ~/.cache/efiqa-edge) may be copied to the device. Before an engine is used, it is
compared with its network; one built ahead of time, when it is first loaded on its GPU.

\b
Examples:
  edge-compile
  edge-compile model.efiqa --target sm86 --out model.sm86.engine
  edge-compile model.efiqa --export served --for triton
"""


def _family(value: str) -> str:
    if value not in (*TARGETS, CURRENT):
        raise typer.BadParameter(
            f"'{value}' is none of {', '.join(TARGETS)}, {CURRENT}; a Jetson builds its engine itself: "
            "run edge-compile there."
        )
    return value


Model = Annotated[Path | None, typer.Argument(parser=named_bundle, metavar="[MODEL]", help=cli.MODEL)]
For = Annotated[
    str,
    typer.Option(
        callback=_family,
        metavar="FAMILY",
        help=f"Build ahead of time for {', '.join(TARGETS)}; {CURRENT} is this machine.",
    ),
]
Out = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also write the engine to FILE, and FILE.json that describes it.")
]

Dla = Annotated[int | None, typer.Option(min=0, max=1, help="Run what it can take on this accelerator of a Jetson.")]
PlanOnly = Annotated[bool, typer.Option("--plan", help="Report what would be built and what it needs; build nothing.")]
Explain = Annotated[
    bool, typer.Option("--explain", help="Also report what the engine consists of, and where INT8 is lost.")
]

Export = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write the model for another program in place of building an engine.")
]


class Program(str, Enum):
    """For what ``--export`` writes."""

    onnx = "onnx"
    triton = "triton"
    deepstream = "deepstream"


ForProgram = Annotated[
    Program | None,
    typer.Option("--for", help="With --export: one ONNX file, a Triton model repository, or a DeepStream nvinfer."),
]


@app.command(help=_HELP)
def compile_model(
    model: Model = None,
    engine: cli.Runtime = cli.EngineName.auto,
    target: For = CURRENT,
    dla: Dla = None,
    out: Out = None,
    plan: PlanOnly = False,
    explain: Explain = False,
    export: Export = None,
    program: ForProgram = None,
    trust: cli.Trust = None,
    as_json: cli.Json = False,
    debug: cli.Debug = False,
) -> None:
    """Build, keep, and report."""
    if target != CURRENT and engine not in (cli.EngineName.auto, cli.EngineName.tensorrt_rtx):
        raise typer.BadParameter(f"only tensorrt_rtx builds for {target}; leave --engine out, or use --target current.")
    if dla is not None and (target != CURRENT or engine.value not in ("auto", "tensorrt")):
        raise typer.BadParameter("--dla is for TensorRT on this machine; leave --target and other engines out.")
    if (export is None) != (program is None):
        raise typer.BadParameter("--export DIR and --for NAME go together: give both.")
    builds = engine is not cli.EngineName.auto or target != CURRENT or dla is not None or plan
    if export is not None and (builds or explain or out is not None):
        raise typer.BadParameter("--export builds no engine: give MODEL, --for and --json alone with it.")
    if plan and (explain or out is not None):
        raise typer.BadParameter("--plan builds no engine: leave --explain and --out out.")
    if out is not None:
        check_output(out, "the engine", [named_bundle(model)])
    bundle = read_bundle(named_bundle(model))
    if export is not None and program is not None:
        _export(bundle, export, program, as_json)
        return
    if plan:
        _print_plan(plan_bundle(bundle, engine.value, target, dla), bundle, as_json)
        return
    compiled = compile_bundle(bundle, engine.value, target, dla, explain)
    built = compiled.built
    if out is not None:
        _copy(built, out)
    elif built.path is None:
        raise EdgeError("the engine was built but not kept: set EFIQA_CACHE to a folder with free space, or use --out")
    if as_json:
        print(json.dumps(facts_of(compiled, bundle.path, out), indent=1))
    else:
        _print_report(compiled, bundle.path, out)


def _export(bundle: Bundle, folder: Path, program: Program, as_json: bool) -> None:
    check_fundus(bundle.manifest, "edge-compile --export")
    written = pipelines.export(bundle, folder, program.value)
    parity = check_export(written.onnx, bundle)
    if as_json:
        facts = {
            "model": str(bundle.path),
            "for": program.value,
            "files": [str(path) for path in written.files],
            "parity": None if parity is None else dataclasses.asdict(parity),
        }
        print(json.dumps(facts, indent=1))
        return
    lines = [str(path) for path in written.files]
    if parity is None:
        lines.append("not checked against this program: that needs OpenVINO and onnxruntime (pip install onnxruntime)")
    else:
        lines += ["against this program, on golden frames:", *parity.lines()]
    cli.out.print("\n".join(lines), markup=False)


def _copy(built: Built, out: Path) -> None:
    try:
        write_output(out, built.data)
        if not is_stream(out):
            write_output(out.with_name(out.name + ".json"), sidecar(built.key, built.data))
    except OSError as error:
        raise EdgeError(f"{out} cannot be written ({reason_of(error)}): check the folder and its free space") from error


def _print_report(compiled: Compiled, model: Path, out: Path | None) -> None:
    built = compiled.built
    target = "this machine" if built.key["target"] == CURRENT else built.key["target"]
    how = "from the cache" if built.cached else f"built in {built.seconds:.1f} s"
    lines = [f"{model} on {built.key['runtime']} {built.key['version']} for {target}"]
    lines.append(f"{len(built.data) / 2**20:.2f} MiB, {how}")
    lines.append(verified(compiled.verified))
    lines.extend(f"not {name}: {reason}" for name, reason in compiled.passed_over.items())
    lines.extend(f"engine: {path}" for path in (built.path, out) if path is not None)
    if compiled.explanation is not None:
        lines.extend(explained(compiled.explanation))
    cli.out.print("\n".join(lines), markup=False)


def _print_plan(plans: list[EnginePlan], bundle: Bundle, as_json: bool) -> None:
    """What would be built: the first engine without a reason against it."""
    chosen = next((plan for plan in plans if not plan.reason), None)
    cache = cache_folder()
    free = shutil.disk_usage(next(each for each in (cache, *cache.parents) if each.exists())).free
    facts = {
        "model": str(bundle.path),
        "builds": None if chosen is None or chosen.cached else chosen.engine,
        "uses": None if chosen is None else chosen.engine,
        "needs_mib": round(4 * len(bundle.onnx) / 2**20, 1),
        "free_mib": free >> 20,
        "cache": str(cache),
        "engines": [dataclasses.asdict(plan) for plan in plans],
    }
    if as_json:
        print(json.dumps(facts, indent=1))
    else:
        lines = [f"{bundle.path}, {bundle.manifest.precision}"]
        for plan in plans:
            state = plan.reason or ("in the cache" if plan.cached else "would be built")
            if plan is not chosen and not plan.reason:
                state = "would work too"
            lines.append(f"{plan.engine:<13} {state}")
        lines.append(f"{cache}: {free >> 20} MiB free, up to {facts['needs_mib']} MiB needed")
        cli.out.print("\n".join(lines), markup=False)
    if chosen is None:
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
