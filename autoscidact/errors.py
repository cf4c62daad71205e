"""The one exception whose message is meant for the person at the terminal."""


class UserError(Exception):
    """Something the user can mend: names the file, key or class, and says what to do.

    The command line prints the message as one line and exits with status 1;
    `--debug` or AUTOSCIDACT_DEBUG=1 shows the traceback as well.
    """
