"""Words whose case counts: genotypes (AaBb), chemical formulas (CoCl), short symbols (pH).

In other words case says nothing: Yes, YES and yes are one.
"""

import re

ELEMENT = (
    "A[cglmrstu]|B[aehikr]?|C[adeflmorsu]?|D[bsy]|E[rsu]|F[elmr]?|G[ade]|H[efgos]?|I[nr]?|Kr?"
    "|L[airuv]|M[dgnot]|N[abdeip]?|O[gs]?|P[abdmortu]?|R[abefghnu]|S[bcegimnr]?|T[abcehilm]"
    "|U|V|W|Xe|Yb?|Z[nr]"
)
_MIXED_INSIDE = re.compile(r"[A-Za-z]*[a-z][A-Z][A-Za-z]*")
_FORMULA = re.compile(rf"(?:{ELEMENT})++")
_GENOTYPE = re.compile(r"(?:([a-z])\1)+")
_NUMBERED = re.compile(rf"(?:{ELEMENT})++(?=_?\d)")
_ROMAN = re.compile(r"[ivxlcdm]+|[IVXLCDM]+")
_WORD = re.compile(r"[A-Za-z]+")
_LONGEST_SYMBOL = 3
_SYMBOL_ALONE = re.compile(
    r"\s*@?(?!(?:He|Hi|Ho|We|Us|It|Is|So|Go|No|To|Up|Do|By|My|Of|On|If|In|Ok|Oh|Eh|Hm|As|At|Be|Am"
    r"|An|Me|Ya|Si)\b)([A-Z][a-z])[\s.,;:!]*"
)


def in_folded_case(text: str) -> str:
    """Return prose in lower case, but for the words whose case counts."""
    if _SYMBOL_ALONE.fullmatch(text):
        return text
    words = [
        word[0] if _NUMBERED.match(text, word.start()) or _has_case(word[0]) else word[0].casefold()
        for word in _WORD.finditer(text)
    ]
    gaps = [gap.casefold() for gap in _WORD.split(text)]
    return "".join(gap + word for gap, word in zip(gaps, [*words, ""], strict=True))


def _has_case(word: str) -> bool:
    """Decide whether the case of a word's letters tells it from another word."""
    if _GENOTYPE.fullmatch(word.lower()):
        return not _ROMAN.fullmatch(word)
    if not _MIXED_INSIDE.fullmatch(word):
        return False
    return len(word) <= _LONGEST_SYMBOL or bool(_FORMULA.fullmatch(word))
