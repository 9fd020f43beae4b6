"""Words behind a number that make another answer of it: 12 above is neither 12 nor 12 below.

Nouns are units (12 apples); directions, comparisons and what was done to the things that are
counted decide. Opposites have no end: beside a list of words, the endings of participles and of
directions decide.
"""

import re
from collections.abc import Sequence

_GROUPS = (
    # directions
    "above", "below beneath", "over", "under underneath", "up ups upward upwards",
    "down downs downward downwards", "uphill", "downhill", "upstream", "downstream",
    "east eastward eastwards eastern eastbound", "west westward westwards western westbound",
    "north northward northwards northern northbound",
    "south southward southwards southern southbound",
    "northeast ne", "northwest nw", "southeast se", "southwest sw",
    "nne", "ene", "ese", "sse", "ssw", "wsw", "wnw", "nnw",
    "leftward leftwards", "right rightward rightwards", "front", "back rear", "toward towards",
    "away", "top", "bottom", "upper", "lower", "inside", "outside", "inner", "outer",
    "inward inwards", "outward outwards", "into", "forward forwards", "backward backwards",
    "clockwise cw", "counterclockwise anticlockwise ccw", "horizontal horizontally",
    "vertical vertically", "ascent", "descent",
    # time
    "before earlier", "after later afterwards", "early", "late", "ago", "hence", "ahead", "behind",
    "sooner", "ad ce", "bc bce", "first", "last", "fast", "slow", "arrival", "departure",
    # money
    "profit profits", "loss losses", "gain gains gained gaining", "lost lose loses losing",
    "surplus", "deficit", "credit credits credited", "debit debits debited", "owed owing",
    "owes owe", "owns", "debt",
    "deposit deposits deposited", "withdrawal withdrawals withdrew withdrawn",
    "spent spend spends spending", "saved saving saves savings", "paid pay pays paying",
    "received receive receives receiving", "bought buy buys buying", "sold sell sells selling",
    "unsold", "discount discounts", "markup", "earned earns", "lent", "income",
    "expense expenses", "revenue", "cost costs", "asset assets", "liability liabilities",
    "import imports", "export exports", "supply", "demand", "shortage", "excess", "premium",
    "refund refunds refunded", "charge charges charged", "overtime", "undertime",
    "lends", "borrows", "gives", "gets get", "takes", "inflow inflows", "outflow outflows",
    # changes
    "used", "off", "out", "low",
    "increase increases increased increasing", "decrease decreases decreased decreasing",
    "rise rises risen rising rose", "fall falls fallen falling fell",
    "drop drops dropped dropping", "growth grew grown growing", "decline declines declining",
    "acceleration accelerating", "deceleration decelerating", "compression", "tension",
    "given gave", "taken took", "kept", "eaten ate", "broken", "unbroken", "hidden",
    # comparisons
    "more", "less", "fewer", "greater", "smaller", "larger bigger", "higher", "taller", "shorter",
    "longer", "faster", "slower", "older", "younger", "heavier", "lighter", "hotter warmer",
    "colder cooler", "cheaper", "dearer", "closer nearer", "farther further", "thicker", "thinner",
    "wider", "narrower", "deeper", "shallower", "brighter", "darker", "stronger", "weaker",
    "richer", "poorer", "better", "worse", "quicker", "steeper", "many much", "few little",
    "sharper", "flatter", "tighter", "looser", "louder", "quieter", "softer", "harder", "easier",
    "smoother", "rougher", "wetter", "drier dryer", "cleaner", "dirtier", "newer", "denser",
    "finer", "coarser", "safer", "riskier", "simpler", "sweeter", "fatter", "slimmer", "steadier",
    "leads led", "lag lags lagging lagged",
    "extra", "missing", "short", "overestimate", "underestimate", "overweight", "underweight",
    "overpaid", "underpaid", "maximum maximal max", "minimum minimal", "most", "least",
    # what is counted
    "positive", "negative", "wins won win", "draws drawn draw", "heads", "tails", "pass passes",
    "fail fails failures", "present", "absent", "open", "alive", "dead", "full", "empty",
    "plus pluses", "minus minuses", "both", "either", "neither", "none", "success successes",
    "defeat defeats", "victory victories", "ayes yeas", "noes nays", "pros", "cons",
    "prime primes", "composite composites", "against", "without", "correct",
    "incorrect wrong", "true", "false",
    "forenoon", "afternoon",
    "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul",
    "august aug", "september sep sept", "october oct", "november nov", "december dec",
)  # fmt: skip
DECIDING = {spelling: group.split()[0] for group in _GROUPS for spelling in group.split()}
_KINDS = frozenset((
    "even", "odd", "acute", "obtuse", "convex", "concave", "real", "complex", "imaginary",
    "rational", "irrational", "divisible", "indivisible", "linear", "quadratic", "attractive",
    "repulsive", "inclusive", "exclusive", "disjoint", "largest", "smallest", "biggest",
    "weekdays", "weekends", "male", "female", "hot", "cold", "wet", "dry", "raise", "cut", "red",
    "blue", "green", "yellow", "black", "white", "internal", "external", "interior", "exterior",
    "internally", "externally", "valid", "invalid", "legal", "illegal", "impossible",
    "likely", "unlikely", "finite", "infinite", "active", "inactive", "visible", "invisible",
    "direct", "indirect", "dependent", "independent", "proper", "improper", "regular", "irregular",
    "stable", "unstable", "equal", "unequal", "public", "private", "domestic", "foreign", "local",
    "permanent", "temporary", "parallel", "perpendicular", "major", "minor", "senior", "junior",
    "sharp", "flat", "loose", "tight", "lead", "clean", "dirty", "safe", "unsafe", "common", "rare",
))  # fmt: skip
"""What decides where no noun follows: 12 even, but not 12 even numbers."""
_DEGREE = "too"
_ENDING = re.compile(r"[a-z]{2,}(?:ing|wards?|wise|hill|stream|stairs|bound)|[a-z]{2,}[^e]ed")
_NO_PARTICIPLES = frozenset((
    "remaining", "string", "spring", "thing", "building", "ceiling", "serving", "painting",
    "drawing", "shilling", "sterling", "evening", "morning", "following", "crossing", "reading",
    "meeting", "wedding", "earring", "sibling", "duckling", "seedling", "dumpling", "needed",
    "required", "expected", "shaded", "colored", "coloured", "ordered", "numbered", "combined",
    "estimated", "rounded", "asked", "desired", "calculated", "counted", "involved", "requested",
    "hundred", "squared", "cubed", "arranged", "satisfying", "steward", "award", "reward", "ward",
    "traveled", "travelled", "walked", "covered", "completed", "scored", "worked", "planted",
    "baked", "produced", "created", "formed", "played", "visited", "selected", "obtained",
    "working", "training",
))  # fmt: skip


def deciding_words(words: Sequence[str]) -> list[str]:
    """Return those words behind a number that decide, in order: north of east, too many.

    17 won is an amount of money, and decides nothing; 17 games won does.
    """
    if list(words) == ["won"]:
        return []
    found = []
    for place, (before, word) in enumerate(zip(("", *words), words, strict=False)):
        decides = deciding_word(word, last=place == len(words) - 1)
        found.append(decides or (word if before == _DEGREE else ""))
    return list(dict.fromkeys(filter(None, found)))


def deciding_word(word: str, *, last: bool) -> str:
    """Return a deciding word in one spelling; empty if the word, in lower case, does not decide."""
    if word in DECIDING:
        return DECIDING[word]
    if (last and word in _KINDS) or (_ENDING.fullmatch(word) and word not in _NO_PARTICIPLES):
        return word
    return ""
