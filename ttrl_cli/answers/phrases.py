r"""Words that sentences about answers are built of, where more than one reader knows them."""

THEREFORE = "therefore|thus|hence|so|then"
THEREFORE_ELSEWHERE = "donc|also|somit|entonces"
THEREFORE_ZH = "因此|所以"
ROUGHLY = r"approximately|approx\.|approx|about|around|roughly"
JOINING = r"and|or|et|ou|und|oder|y|o"
BECAUSE = r"because|since|parce\sque|puisque|weil|porque"
SUPPOSING = r"if|unless|si|wenn|falls"
