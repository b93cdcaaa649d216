"""Tensors with operators compute in onnxruntime what NumPy computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.export import arrays, matrices

A = np.random.default_rng(0).normal(0, 9, (5, 7))
B = np.random.default_rng(1).normal(0, 9, (5, 7)).round()
N = np.arange(35).reshape(5, 7) % 11
IN = {"a": ("float64", ("h", "w")), "b": ("float64", ("h", "w")), "n": ("int64", ("h", "w"))}

CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "mixed kinds": (lambda a, b, n: a * n - 2 + b / 4, lambda a, b, n: a * n - 2 + b / 4),
    "numbers on the left": (lambda a, b, n: 1 - a + 2.5 / (3 + n), lambda a, b, n: 1 - a + 2.5 / (3 + n)),
    "fractions of whole numbers": (lambda a, b, n: n / (n + 2), lambda a, b, n: n / (n + 2)),
    "whole division": (lambda a, b, n: n // 3, lambda a, b, n: n // 3),
    "truths": (lambda a, b, n: (a > b) & ~(n <= 4) | n.equals(3), lambda a, b, n: (a > b) & ~(n <= 4) | (n == 3)),
    "slices": (lambda a, b, n: a[1:-1, ::2], lambda a, b, n: a[1:-1, ::2]),
    "backwards": (lambda a, b, n: a[::-1], lambda a, b, n: a[::-1]),
    "an end that is a tensor": (lambda a, b, n: a[: n[0, 3], n[0, 1] :], lambda a, b, n: a[: n[0, 3], n[0, 1] :]),
    "a new axis": (lambda a, b, n: a[0][:, None] - a[1], lambda a, b, n: a[0][:, None] - a[1]),
    "one and a range": (lambda a, b, n: a[2, None, 1:3], lambda a, b, n: a[2, None, 1:3]),
    "picked rows": (lambda a, b, n: a[n[0, :3]], lambda a, b, n: a[n[0, :3]]),
    "halves to even": (lambda a, b, n: arrays.rint(b / 2), lambda a, b, n: np.rint(b / 2)),
    "sorted": (lambda a, b, n: arrays.sort(a, 1), lambda a, b, n: np.sort(a, 1)),
    "ordered": (lambda a, b, n: arrays.argsort(a, 0), lambda a, b, n: np.argsort(a, 0)),
    "running sums": (lambda a, b, n: arrays.cumsum(a > 0, 1), lambda a, b, n: np.cumsum(a > 0, 1)),
    "chosen": (lambda a, b, n: arrays.where(a > 0, n, b), lambda a, b, n: np.where(a > 0, n, b)),
    "chosen truths": (lambda a, b, n: arrays.where(a > 0, b > 0, n > 4), lambda a, b, n: np.where(a > 0, b > 0, n > 4)),
    "the last of the largest": (
        lambda a, b, n: arrays.argmax(n > 8, 1, last=True),
        lambda a, b, n: 6 - np.argmax((n > 8)[:, ::-1], 1),
    ),
    "a product": (lambda a, b, n: a @ arrays.transpose(b, 1, 0), lambda a, b, n: a @ b.T),
    "an array on the left": (lambda a, b, n: B.T.copy() @ a, lambda a, b, n: B.T @ a),
    "another shape": (lambda a, b, n: arrays.reshape(a, arrays.size(a, 1), -1), lambda a, b, n: a.reshape(7, 5)),
    "a median": (
        lambda a, b, n: arrays.median(a[0], b[0] > 0)[None],
        lambda a, b, n: np.median(a[0][b[0] > 0])[None],
    ),
    "least squares": (
        lambda a, b, n: matrices.least_squares([a[0], a[1], a[2]], abs(b[3]) + 1, b[4]),
        lambda a, b, n: np.linalg.lstsq(
            a[:3].T * np.sqrt(abs(b[3]) + 1)[:, None], b[4] * np.sqrt(abs(b[3]) + 1), rcond=None
        )[0],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_expression_means_what_it_means_in_numpy(written: Callable[..., Any], case: str) -> None:
    ours, theirs = CASES[case]
    found = written(IN, lambda a, b, n: {"found": ours(a, b, n)})(A, B, N)["found"]
    wanted = np.asarray(theirs(A, B, N))
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_equations_without_a_solution_give_no_numbers(written: Callable[..., Any]) -> None:
    def steps(a: Any, b: Any, n: Any) -> dict[str, Any]:
        return {"found": matrices.least_squares([a[0], a[0], a[2]], a[0] * 0.0 + 1.0, b[4])}

    assert np.isnan(written(IN, steps)(A, B, N)["found"]).any()


def test_a_loop_goes_on_until_it_is_told_to_stop(written: Callable[..., Any]) -> None:
    def steps(a: Any, b: Any, n: Any) -> dict[str, Any]:
        graph = a.graph

        def double(turn: Any, value: Any, turns: Any) -> tuple[Any, list[Any]]:
            return arrays.top(value) < 100.0, [value * 2.0 + n * 0, turns + turn]

        value, turns = graph.loop(50, [abs(a) + 1.0, graph.constant(0)], double)
        return {"value": value, "turns": turns}

    found = written(IN, steps)(A, B, N)
    value, turns, turn = np.abs(A) + 1, 0, 0
    while True:
        going = value.max() < 100
        value, turns, turn = value * 2, turns + turn, turn + 1
        if not going:
            break
    np.testing.assert_allclose(found["value"], value)
    assert found["turns"] == turns


@pytest.mark.parametrize(("source", "cells"), [(60, 16), (16, 16), (17, 5), (128, 16)])
def test_averages_over_areas(written: Callable[..., Any], source: int, cells: int) -> None:
    picture: NDArray[np.float64] = np.random.default_rng(2).uniform(0, 255, (source, source))
    inputs = {"a": ("float64", ("h", "w"))}

    def steps(a: Any) -> dict[str, Any]:
        weights = matrices.area_matrix(arrays.size(a, 0), cells)
        return {"found": weights @ a @ arrays.transpose(weights, 1, 0)}

    wanted = cv2.resize(picture, (cells, cells), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(written(inputs, steps)(picture)["found"], wanted, rtol=1e-6)
