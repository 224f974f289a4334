"""From JSON to values and back."""
