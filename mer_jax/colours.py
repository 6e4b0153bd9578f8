"""The colours of every figure: Okabe and Ito's palette, which colour-blind readers distinguish."""

ORANGE, SKY, GREEN, BLUE, VERMILION = "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00"
PURPLE, BLACK, YELLOW = "#CC79A7", "#000000", "#F0E442"
PALETTE = (ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE, BLACK, YELLOW)  # the last is faint on white
