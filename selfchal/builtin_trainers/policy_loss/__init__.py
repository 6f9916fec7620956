"""The loss of an on-policy algorithm at its four seams; each is a name in the manifest for a pure function.

advantage    what each episode of a group is worth          advantages.py
ratio        how much likelier the tokens have become    ratios.py
clip         what the ratio may do to a token's loss         clips.py
aggregation  what each token weighs in the batch's loss      aggregations.py

``seams`` finds the functions, also those of other packages. ``loss`` puts the seams together and adds
corrections and penalties. Only ``seams`` can be imported without torch.
"""
