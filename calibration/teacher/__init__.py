"""The foundation model as one graph, float16 and INT8."""
