"""From the parts of an acceptance to one word and the reasons for it."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.acceptance.result import Form, Session
from benchmarks.machine.machine import Machine
from benchmarks.machine.sensors import mean
from benchmarks.run.deadline import Answer, DeadlineVerdict

_BUSY = 0.1  # processors that other work may keep busy while a deadline is judged


def judge(forms: Sequence[Form], session: Session | None, machine: Machine) -> tuple[Answer, tuple[str, ...]]:
    """The verdict and why it is not a PASS.

    The form that the bundle holds is accepted or not; the other one is there for comparison, and where it could not be
    measured the comparison is missing, no more.
    """
    failed, left_open = _of_form(forms[0])
    if machine.jetson_linux is not None and forms[0].engine.get("runtime") == "openvino":
        failed.append("The processor did the work and not the GPU: edge-doctor says what is missing.")
    if len(forms) < 2 or forms[1].error is not None:
        why = f": {forms[1].error}" if len(forms) > 1 else "."
        left_open.append(f"There is no other form to compare with{why}")
    if session is None:
        left_open.append("There was no live session.")
    elif session.live is None:
        failed.append(f"The live session failed: {session.error}")
    word: Answer = "FAIL" if failed else "INCONCLUSIVE" if left_open else "PASS"
    return word, (*failed, *left_open)


def _of_form(form: Form) -> tuple[list[str], list[str]]:
    """What fails it, and what is left open."""
    failed: list[str] = []
    left_open: list[str] = []
    if form.error is not None:
        failed.append(f"{form.name}: {form.error}")
    elif form.verified.get("against") != "onnx":
        left_open.append(
            f"{form.name}: The bundle has no golden maps to verify it with: edge-calibrate golden adds them."
        )
    found = form.deadline
    if found is None:
        left_open.append(f"{form.name}: The deadline was not judged.")
    elif found.answer != "PASS":
        others = mean(state.others for each in form.scenarios for state in each.states)
        sentence = f"{form.name}: {late(found)}"
        if others is not None and others > _BUSY:
            left_open.append(f"{sentence}; other work kept {others:.1f} processors busy: run it on an idle board.")
        elif found.answer == "FAIL":
            failed.append(f"{sentence}.")
        else:
            left_open.append(f"{sentence}: more --runs may tell.")
    return failed, left_open


def late(found: DeadlineVerdict) -> str:
    """How many frames were late, as part of a sentence."""
    return (
        f"{found.missed} of {found.frames} frames were later than {found.deadline_ms:g} ms (95 % interval "
        f"{found.low:.3%} to {found.high:.3%}), and {found.miss * 100:.3g} % may be"
    )


def slower(forms: Sequence[Form]) -> tuple[str, ...]:
    """A note where the form of the bundle is no faster than the other one."""
    medians = [_inference_ms(form) for form in forms]
    if len(medians) < 2 or medians[0] is None or medians[1] is None or medians[0] < medians[1]:
        return ()
    return (
        f"{forms[0].name} takes {medians[0]:.2f} ms and {forms[1].name} {medians[1]:.2f}: it gains nothing here, and "
        "edge-compile --explain shows the layers.",
    )


def _inference_ms(form: Form) -> float | None:
    return form.scenarios[0].stages["inference"].p50_ms if form.scenarios else None
