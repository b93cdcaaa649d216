"""The entry point of edge-bench."""

from edge.commands.start import starting

main = starting("benchmarks.commands")
