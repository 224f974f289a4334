"""Measurements: each module prints what one claim of the README rests on."""
