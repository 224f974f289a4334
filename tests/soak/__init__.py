"""Under pressure for a while: overload, faults, and nothing that grows."""
