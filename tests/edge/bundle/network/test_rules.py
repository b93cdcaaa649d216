"""What the network of a bundle may not be, each a file that a runtime would take or choke on."""

from __future__ import annotations

import copy
import itertools
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.bundle.network.rules import MOST_NODES, OPERATORS, parse_network
from edge.bundle.network.shapes import MOST_OPERATIONS, Cost, check_network, measure
from edge.errors import EdgeError

Change = Callable[[onnx.ModelProto], None]


def refusal(model: onnx.ModelProto | bytes) -> str:
    data = model if isinstance(model, bytes) else model.SerializeToString()
    with pytest.raises(EdgeError) as caught:
        check_network(data)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 400
    return said


def with_nodes(
    model: onnx.ModelProto, *nodes: onnx.NodeProto, reads: str = "image", **constants: object
) -> onnx.ModelProto:
    """Nodes in front of the convolution, which reads what the last of them makes."""
    new = copy.deepcopy(model)
    new.graph.node[0].input[0] = reads
    old = list(new.graph.node)
    del new.graph.node[:]
    new.graph.node.extend([*nodes, *old])
    new.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items())
    return new


def test_sound_ones_are_taken(networks: dict[str, bytes]) -> None:
    for data in networks.values():
        check_network(data)


def test_operations_and_memory_are_counted(plain: onnx.ModelProto) -> None:
    data = plain.SerializeToString()
    products, image, maps, weights = 4 * 4 * 3 * 64, 3 * 32 * 32, 16, 3 * 64
    assert measure(parse_network(data), len(data)) == Cost(
        products + image + weights + maps + 32 * 2 * maps, 4 * (image + maps)
    )


def body(model: onnx.ModelProto) -> onnx.GraphProto:
    """A body of a loop that goes on."""
    node, info = helper.make_node, helper.make_tensor_value_info
    return helper.make_graph(
        [node("Identity", ["go"], ["on"]), node("Identity", ["x"], ["y"])],
        "body",
        [info("turn", TensorProto.INT64, []), info("go", TensorProto.BOOL, []), info("x", 1, [1, 3, 32, 32])],
        [info("on", TensorProto.BOOL, []), info("y", 1, [1, 3, 32, 32])],
    )


def test_a_loop_that_never_ends(plain: onnx.ModelProto) -> None:
    loop = helper.make_node("Loop", ["turns", "go", "image"], ["looped"], body=body(plain))
    said = refusal(with_nodes(plain, loop, reads="looped", turns=np.int64(1 << 60), go=np.array(True)))
    assert "operator Loop" in said


@pytest.mark.parametrize(
    "kind", ["If", "Scan", "SequenceMap", "NonZero", "RandomNormal", "StringConcat", "Einsum", "Gather"]
)
def test_operators_that_are_not_on_the_list(plain: onnx.ModelProto, kind: str) -> None:
    assert kind not in OPERATORS
    assert f"operator {kind}," in refusal(with_nodes(plain, helper.make_node(kind, ["image"], ["made"]), reads="made"))


def test_a_subgraph_in_an_operator_that_has_none(plain: onnx.ModelProto) -> None:
    """With weights from another file in it, as a runtime may look for these wherever they are."""
    inner = body(plain)
    outside = TensorProto(name="w", data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value="weights.bin")
    inner.initializer.append(outside)
    for kind in ("Relu", "Identity"):
        node = helper.make_node(kind, ["image"], ["made"])
        node.attribute.add(name="hidden", type=onnx.AttributeProto.GRAPH).g.CopyFrom(inner)
        assert "may not hold" in refusal(with_nodes(plain, node, reads="made"))
        node.attribute[0].type = onnx.AttributeProto.INT  # what it says and what it holds are two things
        assert "may not hold" in refusal(with_nodes(plain, node, reads="made"))


def test_a_setting_that_says_to_be_another(plain: onnx.ModelProto) -> None:
    """A number by its type, with a tensor beside it whose weights lie elsewhere."""
    node = helper.make_node("Flatten", ["image"], ["made"], axis=1)
    outside(node.attribute[0].t)
    assert "a setting axis of Flatten that is neither" in refusal(with_nodes(plain, node, reads="made"))


def outside(tensor: onnx.TensorProto) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")


def test_weights_in_another_file(plain: onnx.ModelProto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.bin").write_bytes(bytes(4 * 3 * 64))
    of_graph = copy.deepcopy(plain)
    outside(of_graph.graph.initializer[0])
    assert "weights of the network are not in the bundle" in refusal(of_graph)
    value = numpy_helper.from_array(np.zeros((1, 3, 32, 32), np.float32), "hidden")
    outside(value)
    constant = helper.make_node("Constant", [], ["hidden"], value=value)
    add = helper.make_node("Add", ["image", "hidden"], ["sum"])
    assert "hidden of the network are not in the bundle" in refusal(with_nodes(plain, constant, add, reads="sum"))


def of_a_domain(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("somebody.else", 1))
    model.graph.node[0].domain = "somebody.else"


def a_function(model: onnx.ModelProto) -> None:
    model.functions.append(helper.make_function("", "Sigmoid", ["x"], ["y"], [], model.opset_import))


def sparse(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add(dims=[1 << 40])


def training(model: onnx.ModelProto) -> None:
    model.training_info.add()


def open_side(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "any"


def no_shape(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.ClearField("shape")


def a_sequence(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.sequence_type.elem_type.CopyFrom(model.graph.output[0].type)


def negative_side(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = -32


def two_inputs(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("more", 1, [1]))


def two_outputs(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("sums", 1, [1, 1, 4, 4]))


def another_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 5


def no_nodes(model: onnx.ModelProto) -> None:
    del model.graph.node[:]


def in_a_ring(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = "maps"


def made_twice(model: onnx.ModelProto) -> None:
    model.graph.node.append(model.graph.node[1])


def no_weights(model: onnx.ModelProto) -> None:
    del model.graph.node[0].input[1:]


def of_no_type(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].data_type = 99


def of_text(model: onnx.ModelProto) -> None:
    model.graph.initializer.add(name="t", data_type=TensorProto.STRING, dims=[1]).string_data.append(b"x")


def cut_off(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-1]


def larger_than_it_is(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[0] = 1 << 30


def turned_over(model: onnx.ModelProto) -> None:
    """2^63 x 2 is 0 in 64 bits."""
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend([1 << 62, 4])


def a_newer_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 1 << 40


def no_text(model: onnx.ModelProto) -> None:
    model.graph.node[0].name = "nul\0, escape\x1b[2J"
    model.graph.node[0].op_type = "Warp\x1b[2J"


@pytest.mark.parametrize(
    "change",
    [
        of_a_domain, a_function, sparse, training, open_side, no_shape, a_sequence, negative_side, two_inputs,
        two_outputs, another_output, no_nodes, in_a_ring, made_twice, no_weights, of_no_type, of_text, cut_off,
        larger_than_it_is,
        turned_over, a_newer_opset, no_text,
    ],
)  # fmt: skip
def test_networks_that_are_not_what_a_bundle_holds(plain: onnx.ModelProto, change: Change) -> None:
    check_network(plain.SerializeToString())
    model = copy.deepcopy(plain)
    change(model)
    assert refusal(model).isprintable()


def breaks_lines(model: onnx.ModelProto) -> None:
    """A configuration that this name is written into would have one line more."""
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = ["maps\n[property]\ncustom-lib-path=evil.so" if name == "maps" else name for name in names]
    model.graph.output[0].name = model.graph.node[-1].output[0]


def escapes(model: onnx.ModelProto) -> None:
    model.graph.node[0].name = "\x1b[2J"


def has_no_end(model: onnx.ModelProto) -> None:
    model.graph.node[0].name = "x" * 100_000


@pytest.mark.parametrize("change", [breaks_lines, escapes, has_no_end])
def test_names_that_are_no_plain_text(plain: onnx.ModelProto, change: Change) -> None:
    model = copy.deepcopy(plain)
    change(model)
    assert "no plain text" in refusal(model)


def test_words_for_people_may_have_lines(plain: onnx.ModelProto) -> None:
    model = copy.deepcopy(plain)
    model.doc_string = model.graph.node[0].doc_string = "one\n\ttwo"
    check_network(model.SerializeToString())


UNFIT: dict[str, tuple[str, dict[str, Any], list[Any]]] = {
    "slope": ("PRelu", {}, [np.ones((2, 3, 1, 1), np.float32)]),
    "wide slope": ("PRelu", {}, [np.ones((1, 6, 1, 1), np.float32)]),
    "scale": ("QuantizeLinear", {}, [np.ones((1, 3, 1, 1), np.float32)]),
    "scales": ("QuantizeLinear", {"axis": 1}, [np.ones(4, np.float32)]),
    "axis": ("QuantizeLinear", {"axis": 7}, [np.ones(3, np.float32)]),
    "zero point": ("QuantizeLinear", {"axis": 1}, [np.ones(3, np.float32), np.zeros(2, np.uint8)]),
    "bias": ("Conv", {}, [np.ones((3, 3, 1, 1), np.float32), np.ones(2, np.float32)]),
    "groups": ("Conv", {"group": 3}, [np.ones((2, 1, 1, 1), np.float32)]),
    "channels": ("Conv", {"group": 2}, [np.ones((4, 3, 1, 1), np.float32)]),
    "kernel": ("Conv", {"kernel_shape": [3, 3]}, [np.ones((3, 3, 1, 1), np.float32)]),
    "channels back": ("ConvTranspose", {}, [np.ones((4, 3, 1, 1), np.float32)]),
    "bias back": ("ConvTranspose", {}, [np.ones((3, 3, 1, 1), np.float32), np.ones(2, np.float32)]),
    "mean": ("BatchNormalization", {}, [np.ones(3, np.float32)] * 3 + [np.ones(2, np.float32)]),
    "layer": ("LayerNormalization", {}, [np.ones(31, np.float32)]),
    "turn": ("Transpose", {"perm": [0, 1, 1, 3]}, []),
    "number": ("Reshape", {}, [np.array([1, 3, 32, 31])]),
    "bounds": ("Clip", {}, [np.zeros(3, np.float32)]),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_a_node_reads_fits_together(plain: onnx.ModelProto, case: str) -> None:
    """OpenVINO reads and writes beyond its tensors where it does not; the onnx package finds nothing odd in many."""
    kind, settings, constants = UNFIT[case]
    names = [f"c{number}" for number in range(len(constants))]
    made = "odd" if kind != "QuantizeLinear" else "quantized"
    nodes = [helper.make_node(kind, ["image", *names], [made], **settings)]
    if made == "quantized":
        nodes.append(helper.make_node("Cast", [made], ["odd"], to=TensorProto.FLOAT))
    nodes.append(helper.make_node("ReduceMean", ["odd"], ["mean"], axes=[0, 1, 2, 3]))
    nodes.append(helper.make_node("Add", ["image", "mean"], ["sum"]))
    model = with_nodes(plain, *nodes, reads="sum", **dict(zip(names, constants, strict=True)))
    model.opset_import[0].version = 17
    said = refusal(model)
    assert "do not fit together" in said or "not sound" in said or "not known beforehand" in said or "a shape" in said


@pytest.mark.parametrize(
    ("kind", "scale"),
    [("QuantizeLinear", 0.0), *itertools.product(("QuantizeLinear", "DequantizeLinear"), (-1.0, np.nan, np.inf))],
)
def test_a_scale_that_is_no_positive_number(many: onnx.ModelProto, kind: str, scale: float) -> None:
    model = copy.deepcopy(many)
    (node,) = (node for node in model.graph.node if node.op_type == kind)
    node.input[1] = "odd"
    model.graph.initializer.append(numpy_helper.from_array(np.array(scale, np.float32), "odd"))
    assert "no positive numbers" in refusal(model)


def test_parts_without_a_name_do_not_end_the_program(plain: onnx.ModelProto) -> None:
    """The onnx package makes a list for as many as there shall be, and writes as many into it as have a name."""
    code = (
        "import sys; from edge.bundle.network.shapes import check_network\n"
        "try: check_network(sys.stdin.buffer.read())\nexcept Exception as error: print(type(error).__name__, error)"
    )
    split = helper.make_node("Split", ["image"], ["a", "b", "c"], axis=1, num_outputs=1)
    model = with_nodes(plain, split, reads="a")
    run = subprocess.run([sys.executable, "-c", code], input=model.SerializeToString(), capture_output=True)
    assert (run.returncode, run.stdout[:9]) == (0, b"EdgeError")
    sound = helper.make_node("Split", ["image"], ["a", "b", "c"], axis=1, num_outputs=3)
    join = helper.make_node("Concat", ["c", "b", "a"], ["joined"], axis=1)
    check_network(with_nodes(plain, sound, join, reads="joined").SerializeToString())


@pytest.mark.parametrize("kind", ["floats", "constant"])
def test_weights_are_not_copied_for_each_node(plain: onnx.ModelProto, kind: str) -> None:
    """However they are kept: a gigabyte that two thousand nodes read would take an hour."""
    weights, length = np.zeros(1 << 20, np.float32), 50
    nodes = [helper.make_node("ReduceMax", ["image"], ["x0"], keepdims=0)]
    nodes += [helper.make_node("Add", [f"x{turn}", "w"], [f"x{turn + 1}"]) for turn in range(length)]
    nodes.append(helper.make_node("ReduceMax", [f"x{length}"], ["most"]))
    nodes.append(helper.make_node("Add", ["image", "most"], ["sum"]))
    if kind == "constant":
        nodes.insert(0, helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(weights)))
    model = with_nodes(plain, *nodes, reads="sum")
    if kind == "floats":
        model.graph.initializer.append(helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights))
    handed: list[int] = []
    infer = onnx.shape_inference.infer_node_outputs

    def counting(schema: Any, node: Any, types: Any, known: dict[str, onnx.TensorProto]) -> object:
        handed.append(sum(tensor.ByteSize() for tensor in known.values()))
        return infer(schema, node, types, known)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx.shape_inference, "infer_node_outputs", counting)
        check_network(model.SerializeToString())
    assert len(handed) > length
    assert sum(handed) < 1 << 20


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("group", 0), ("group", -1), ("group", 1 << 40), ("strides", [0, 0]), ("strides", [-8, 8]),
        ("pads", [-1, 0, 0, 0]), ("pads", [1 << 40] * 4), ("dilations", [0, 1]), ("dilations", [1 << 62, 1]),
        ("kernel_shape", [0, 8]),
        ("kernel_shape", [8] * 100),
    ],
)  # fmt: skip
def test_settings_that_runtimes_divide_by(plain: onnx.ModelProto, name: str, value: object) -> None:
    model = copy.deepcopy(plain)
    kept = [each for each in model.graph.node[0].attribute if each.name != name]
    del model.graph.node[0].attribute[:]
    model.graph.node[0].attribute.extend([*kept, helper.make_attribute(name, value)])
    assert name in refusal(model)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("Relu", {"whatever": "x"}),
        ("MaxPool", {"auto_pad": "SAME", "kernel_shape": [2, 2]}),
        ("DepthToSpace", {"mode": "constant", "blocksize": 1}),
        ("LayerNormalization", {"mode": "nearest"}),
        ("Constant", {"value_string": "x"}),
        ("MaxPool", {"auto_pad": b"\xff\xfe", "kernel_shape": [2, 2]}),
    ],
)
def test_words_that_are_none_of_a_setting_s(plain: onnx.ModelProto, kind: str, settings: dict[str, Any]) -> None:
    """OpenVINO goes on with half a graph then, and ends the program at the next Clip."""
    node = helper.make_node(kind, ["image"] if kind != "Constant" else [], ["odd"], **settings)
    assert "says nothing known" in refusal(with_nodes(plain, node, helper.make_node("Clip", ["odd"], ["x"]), reads="x"))


@pytest.mark.parametrize("alpha", [float("nan"), float("inf"), -float("inf")])
def test_settings_that_are_no_numbers(plain: onnx.ModelProto, alpha: float) -> None:
    """OpenVINO goes on with half a graph then too."""
    nodes = [helper.make_node("LeakyRelu", ["image"], ["odd"], alpha=alpha), helper.make_node("Clip", ["odd"], ["x"])]
    assert "that is no number" in refusal(with_nodes(plain, *nodes, reads="x"))
    masked = [
        helper.make_node("Constant", [], ["least"], value_float=alpha),
        helper.make_node("Max", ["image", "least"], ["x"]),
    ]
    check_network(with_nodes(plain, *masked, reads="x").SerializeToString())  # as masks have it


def test_nothing_is_cut_out_of_nothing(plain: onnx.ModelProto) -> None:
    """Shapes are inferred node by node: to cut out of an empty tensor ends some versions of onnx, and us with it."""
    cut = [helper.make_node("Slice", [x, "start", "end"], [y]) for x, y in (("image", "none"), ("none", "less"))]
    code = (
        "import sys; from edge.bundle.network.shapes import check_network\n"
        "try: check_network(sys.stdin.buffer.read())\nexcept Exception as error: print(type(error).__name__, error)"
    )
    model = with_nodes(plain, *cut, reads="less", start=np.array([5]), end=np.array([5]))
    run = subprocess.run([sys.executable, "-c", code], input=model.SerializeToString(), capture_output=True)
    assert run.returncode == 0
    assert run.stdout.startswith(b"EdgeError")


def test_too_many_operations(plain: onnx.ModelProto) -> None:
    """Each convolution is a moderate one; there are many."""

    def in_a_row(number: int) -> onnx.ModelProto:
        nodes = [helper.make_node("Resize", ["image", "", "scales"], ["x0"])]
        for turn in range(number):
            reads, makes = [f"x{turn}", "many"], [f"x{turn + 1}"]
            nodes.append(helper.make_node("Conv", reads, makes, kernel_shape=[15, 15], pads=[7] * 4))
        nodes.append(helper.make_node("MaxPool", [f"x{number}"], ["small"], kernel_shape=[64, 64], strides=[64, 64]))
        many, scales = np.zeros((3, 3, 15, 15), np.float32), np.array([1, 1, 64, 64], np.float32)
        return with_nodes(plain, *nodes, reads="small", scales=scales, many=many)

    each = 2048**2 * 3 * 3 * 15 * 15
    check_network(in_a_row(int(0.9 * MOST_OPERATIONS / each)).SerializeToString())
    assert "operations a frame" in refusal(in_a_row(int(1.1 * MOST_OPERATIONS / each)))


@pytest.mark.parametrize("kind", ["Softmax", "Erf", "Pow", "Transpose", "Resize"])
def test_too_many_elements(plain: onnx.ModelProto, kind: str) -> None:
    """Nothing is multiplied, and each takes as long as dozens of products: at as many as of these, hours a frame."""
    more = {"Pow": ["power"], "Resize": ["", "same"]}.get(kind, [])
    settings = {"mode": "cubic"} if kind == "Resize" else {}

    def in_a_row(number: int) -> onnx.ModelProto:
        nodes = [helper.make_node("Resize", ["image", "", "scales"], ["x0"])]
        nodes += [helper.make_node(kind, [f"x{turn}", *more], [f"x{turn + 1}"], **settings) for turn in range(number)]
        nodes.append(helper.make_node("MaxPool", [f"x{number}"], ["small"], kernel_shape=[128] * 2, strides=[128] * 2))
        scales, same = np.array([1, 1, 128, 128], np.float32), np.ones(4, np.float32)
        return with_nodes(plain, *nodes, reads="small", scales=scales, same=same, power=np.float32(1.7))

    check_network(in_a_row(100).SerializeToString())
    assert "operations a frame" in refusal(in_a_row(1000))


def test_too_many_nodes_and_inputs(plain: onnx.ModelProto) -> None:
    """Each costs nothing to run; a runtime takes minutes or hours to compile them."""

    def in_a_row(number: int) -> onnx.ModelProto:
        names = ["image", *(f"x{turn}" for turn in range(number))]
        nodes = [helper.make_node("Relu", [a], [b]) for a, b in itertools.pairwise(names)]
        return with_nodes(plain, *nodes, reads=names[-1])

    check_network(in_a_row(MOST_NODES - 2).SerializeToString())
    assert "nodes" in refusal(in_a_row(MOST_NODES - 1))
    wide = helper.make_node("Max", ["image"] * 300, ["most"])
    assert "more than 256 inputs" in refusal(with_nodes(plain, wide, reads="most"))


def test_too_much_memory_at_one_time(plain: onnx.ModelProto) -> None:
    """Two tensors of 1.3 GiB are too much where both are there, and not where one is gone before the other is made."""
    node = helper.make_node
    large = [node("Resize", ["image", "", "scales"], [name]) for name in ("a", "b")]
    small = [node("MaxPool", [name], [f"{name}s"], kernel_shape=[340, 340], strides=[340, 340]) for name in "ab"]
    add, scales = node("Add", ["as", "bs"], ["sum"]), np.array([1, 1, 340, 340], np.float32)
    in_turn = with_nodes(plain, large[0], small[0], large[1], small[1], add, reads="sum", scales=scales)
    check_network(in_turn.SerializeToString())
    assert "MiB at one time" in refusal(with_nodes(plain, *large, *small, add, reads="sum", scales=scales))


def test_constants_that_are_made_of_constants(plain: onnx.ModelProto) -> None:
    """A runtime makes these while it compiles; each is let go of, so that they are few at one time."""
    node, nodes = helper.make_node, []
    for turn in range(20):
        nodes += [node("ConstantOfShape", ["sides"], [f"z{turn}"]), node("ReduceMax", [f"z{turn}"], [f"m{turn}"])]
        nodes.append(node("Add", ["image" if turn == 0 else f"s{turn - 1}", f"m{turn}"], [f"s{turn}"]))
    assert "constants alone" in refusal(with_nodes(plain, *nodes, reads="s19", sides=np.array([1, 1, 4096, 1024])))


@pytest.mark.parametrize("more", [b"\xff" * 6, b"\x80" * 6, b"\x3a\xff\xff\xff\xff\x0f", b"\x0b\x0c" * 3, b"\x00" * 6])
def test_bytes_behind_a_network(plain: onnx.ModelProto, more: bytes) -> None:
    refusal(plain.SerializeToString() + more)


def test_fields_that_nobody_knows(plain: onnx.ModelProto) -> None:
    """What the onnx package here passes over, a newer runtime may run."""
    assert "not ONNX's" in refusal(plain.SerializeToString() + b"\xaa\x3e\x04abcd")  # field 1000
    node = plain.graph.node[0].SerializeToString()
    data = plain.SerializeToString()
    assert node in data
    refusal(data.replace(node, node[:-4] + b"\xaa\x3e\x01a", 1))


def _nested(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        size, number = len(inner), b""
        while size > 127:
            number, size = number + bytes([size & 127 | 128]), size >> 7
        inner = b"\x32" + number + bytes([size]) + inner
    return inner


@pytest.mark.parametrize("each", [b"\x0a\x00", b"\x0a\x02\x2a\x00", b"\x2a\x00", b"\x5a\x00"])
def test_a_small_file_that_is_large_when_parsed(each: bytes) -> None:
    """Two bytes are an empty node, and that takes two hundred."""
    graph = each * ((64 << 20) // len(each))
    size, number = len(graph), b""
    while size > 127:
        number, size = number + bytes([size & 127 | 128]), size >> 7
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "besides its weights" in refusal(b"\x3a" + number + bytes([size]) + graph)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1 if sys.platform == "darwin" else 1024)
    assert grown < 1 << 30


def test_a_file_nested_without_end() -> None:
    refusal(b"\x3a\x02\x0a\x00" + _nested(5000))
