"""Tests of what users test their own code with."""
