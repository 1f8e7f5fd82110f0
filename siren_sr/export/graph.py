"""A graph of ONNX under construction: nodes are added by name of their operation, constants by value."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

OPSET = 17
"""The version of ONNX's operators that is written, of 2022; later runtimes read it."""

IR = 8
"""The version of the file format that came with it."""


class Graph:
    """Nodes in the order of their computation; a body of a loop is a graph that shares names and constants."""

    def __init__(self, outer: Graph | None = None) -> None:
        """Begin the whole graph, or a part of ``outer``."""
        self._nodes: list[Any] = []
        self._constants: list[Any] = [] if outer is None else outer._constants
        self._numbers: itertools.count[int] = itertools.count() if outer is None else outer._numbers
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {} if outer is None else outer._known

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Return the name of a constant; equal constants are stored once."""
        from onnx import numpy_helper

        array = np.asarray(value, dtype=dtype, order="C")
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = f"constant_{next(self._numbers)}"
            self._constants.append(numpy_helper.from_array(array, self._known[key]))
        return self._known[key]

    def add(self, operation: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node with one output, whose name is returned."""
        from onnx import helper

        name = output or f"{operation.lower()}_{next(self._numbers)}"
        self._nodes.append(helper.make_node(operation, list(inputs), [name], **attributes))
        return name

    def split(self, value: str, lengths: str, *, axis: int) -> tuple[str, str]:
        """Split a value into two parts of some lengths along an axis."""
        from onnx import helper

        names = (f"first_{next(self._numbers)}", f"second_{next(self._numbers)}")
        self._nodes.append(helper.make_node("Split", [value, lengths], list(names), axis=axis))
        return names

    def loop(self, times: int, carried: str, body: Callable[[Graph, str, str], str], dtype: Any) -> str:
        """Repeat a part of the graph.

        Args:
            times: How often.
            carried: The value that is handed on from turn to turn, and returned after the last one.
            body: Function of the part, the number of the turn and the value, which adds to the part and returns the
                next value. It may read all that came before.
            dtype: NumPy type of the value, a matrix.
        """
        from onnx import TensorProto, helper

        part, k = Graph(self), next(self._numbers)
        turn, going, before, still = (f"{name}_{k}" for name in ("turn", "going", "before", "still"))
        after = part.add("Identity", body(part, turn, before))
        part.add("Identity", going, output=still)
        inputs = [
            helper.make_tensor_value_info(turn, TensorProto.INT64, []),
            helper.make_tensor_value_info(going, TensorProto.BOOL, []),
            helper.make_tensor_value_info(before, onnx_type(dtype), [None, None]),
        ]
        outputs = [
            helper.make_tensor_value_info(still, TensorProto.BOOL, []),
            helper.make_tensor_value_info(after, onnx_type(dtype), [None, None]),
        ]
        made = helper.make_graph(part._nodes, f"body_{k}", inputs, outputs)
        return self.add("Loop", self.constant(times, np.int64), self.constant(True), carried, body=made)

    def model(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any], properties: dict[str, str]) -> Any:
        """Return the finished ``onnx.ModelProto``, checked by ONNX itself."""
        import onnx
        from onnx import helper

        from siren_sr.version import __version__

        graph = helper.make_graph(self._nodes, name, list(inputs), list(outputs), initializer=self._constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR,
            producer_name="siren_sr",
            producer_version=__version__,
        )
        helper.set_model_props(model, properties)
        onnx.checker.check_model(model)
        return model


def onnx_type(dtype: Any) -> int:
    """Return ONNX's number of a NumPy type."""
    from onnx import helper

    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
