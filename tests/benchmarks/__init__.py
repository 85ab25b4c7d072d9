"""What `make bench` measures: every figure beside its raw limit, in the same run."""
