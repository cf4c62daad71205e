"""What stands between the terminal and a command: its catalogue, help, completion, and errors in one line."""
