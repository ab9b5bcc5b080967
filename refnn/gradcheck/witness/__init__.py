"""Witnesses: each knows a derivative, and how well it knows it, without a formula of the derivative."""
