"""Float checkpoint in, INT8 bundle out."""

from edge.engines.quiet import silence_onnxruntime

silence_onnxruntime()  # here, because onnxsim and modelopt import it too
