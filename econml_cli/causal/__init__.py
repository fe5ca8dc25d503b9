"""Treatment effects by double machine learning: scores, cross-fitting, the estimate.

The numbers that follow from nuisance predictions (`scores`) know nothing of how these were made; `nuisance` trains
them, the folds of one side by side; `estimation` puts both together, keeps what is finished, and gives an
`effect.Effect`.

Source: Chernozhukov, Chetverikov, Demirer, Duflo, Hansen, Newey and Robins (2018), Econometrics Journal 21, C1-C68.
"""
