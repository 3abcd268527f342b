"""The suites. Each module has UNIT (of its table: "GFLOP/s", "GB/s" or "" for time), cases(options) -> (name, function
that makes the Case), and, where some are timed with fresh outputs too, FRESH: their names."""
