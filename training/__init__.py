"""Generator of names with known truth, and training of Yingma's own model. Nothing is here yet."""
