"""A student compiled for one runtime and device."""
