"""The loop over epochs: of one fit, of several as one program, and of the members of an ensemble."""
