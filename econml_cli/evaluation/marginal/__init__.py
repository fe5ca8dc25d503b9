"""What moving one column does to the predictions: average partial effects, partial dependence."""
