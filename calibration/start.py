"""The entry point of edge-calibrate."""

from edge.commands.start import starting

main = starting("calibration.commands")
