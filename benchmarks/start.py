"""The entry point of edge-bench."""

from edge.commands.start import Command

main = Command("benchmarks.commands.group")
