"""Models on Strata's operators, one page each."""
