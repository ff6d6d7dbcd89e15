"""Figures of what is generated: sources, features, metrics, and the evaluator that brings them together."""
