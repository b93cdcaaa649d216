"""Networks that others grade fundus photographs with, as ONNX: shapes as published, weights random."""
