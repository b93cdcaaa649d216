"""What stays on the device, and for how long: visits, their deletion, free space."""
