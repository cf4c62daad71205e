"""One module a verb: `autoscidact VERB` runs `autoscidact.commands.VERB.run(cfg)` with configs/VERB.yaml.

A verb joins by adding those two files. Its docstring is its help: the first line stands in the list of commands,
the rest above the groups, and the lines after `Examples:` at the end.
"""
