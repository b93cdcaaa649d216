"""edge-capture --list: the cameras at this machine."""

from __future__ import annotations

import json

from edge.camera.local.v4l2 import list_cameras
from edge.commands.console import cli


def show_cameras(as_json: bool) -> None:
    """Print the cameras and their modes."""
    cameras = list_cameras()
    if as_json:
        rows = [
            {
                "source": camera.source,
                "name": camera.node.name,
                "path": camera.node.path,
                "modes": [str(mode) for mode in camera.modes],
                "trouble": camera.trouble,
            }
            for camera in cameras
        ]
        print(json.dumps(rows, indent=2))
        return
    if not cameras:
        cli.out.print("no camera is plugged in; edge-capture demo needs none")
    for camera in cameras:
        cli.out.print(f"{camera.source}  {camera.node.name} ({camera.node.path})", markup=False)
        for line in [camera.trouble] if camera.trouble else map(str, camera.modes):
            cli.out.print(f"     {line}", markup=False)
