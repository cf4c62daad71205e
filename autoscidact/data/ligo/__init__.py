"""Gravitational-wave strain of LIGO's two detectors, with injected signals (AutoSciDACT, App. A.2)."""
