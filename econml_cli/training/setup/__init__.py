"""Model meets problem: shapes, samples, and whether a second-order method suits them."""
