"""How `python -m benchmarks` measures: clients in processes of their own, in interleaved turns."""
