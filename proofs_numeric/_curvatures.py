"""Pairs (−A, −B) of curvatures at which statements about all pairs are seen to be sharp, or to need α > 0."""

NUMBERS = ((1,),), ((3,),)
SKEWED = ((1, 0), (0, 100)), ((1, 9), (9, 100))
STRETCHED = ((1, 0), (0, 10**4)), ((2, 140), (140, 10**4))
FLAT = ((1, 0), (0, 0)), ((1, 0), (0, 1))
