"""One file a command: a signature, deferred imports, one library call, one print."""
