"""Architectures in small configurations with random weights, to export: `tools/bench coverage`."""
