"""The entry point of edge-train."""

from edge.commands.start import Command

main = Command("trainer.commands")
