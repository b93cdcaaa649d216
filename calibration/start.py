"""The entry point of edge-calibrate."""

from edge.commands.start import Command

main = Command("calibration.commands")
