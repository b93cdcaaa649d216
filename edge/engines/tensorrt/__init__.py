"""TensorRT on a Jetson and TensorRT-RTX on a desktop."""
