"""Tests of web applications that look customers up."""
