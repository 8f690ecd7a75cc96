"""What ``scripts/build-release`` makes: single files that run anywhere, packages, and the papers that go with them."""
