"""NPLM: the New Physics Learning Machine, a kernel likelihood-ratio two-sample test."""
