"""Devices, columns, ramps and wires as pure functions of tensors; every constant has its source."""
