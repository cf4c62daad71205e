"""Jets: the public simulation JetClass, and jets of our own in its format (AutoSciDACT, App. A.3)."""
