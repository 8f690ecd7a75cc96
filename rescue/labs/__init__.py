"""Servers to practise on: images built from recipes, and machines that boot them."""
