"""Tests of the rules about answers: values in, values out, and no socket anywhere."""
