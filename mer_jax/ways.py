"""The names of the ways in which an ensemble's members come together, without what they take."""

BEST = "best"  # of a grid's trials: the best alone
MEAN, GREEDY, STACKING = "mean", "greedy", "stacking"
# By name, as it begins a sentence on the members.
WAYS = {
    MEAN: "The mean of",
    GREEDY: "The mean, weighted by greedy selection, of",
    STACKING: "Linear models over",
}
