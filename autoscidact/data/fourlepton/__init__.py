"""Four leptons in CMS open data: the search for the Higgs boson (AutoSciDACT, App. E)."""
