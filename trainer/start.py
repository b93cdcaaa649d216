"""The entry point of edge-train."""

from edge.commands.start import starting

main = starting("trainer.commands")
