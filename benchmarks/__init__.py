"""How fast a model is on a machine, and compared with what."""

from edge.engines.quiet import silence_onnxruntime

silence_onnxruntime()  # here, because onnxsim and modelopt import it too
