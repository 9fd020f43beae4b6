r"""Chemical formulas and ions as one word each: H2O, H_2O, \text{H}_2\text{O} and \ce{H2O} are one.

So are Fe^{3+}, \mathrm{Fe^{3+}}, \ce{Fe^3+} and Fe3+. Letters that are usual variables, such as
P_1V_1, are no formula.
"""

import re

from ttrl_cli.equivalence.symbols import ELEMENT

_MARKS = re.compile(
    r"\\(?:text(?:rm|bf|it)?|math(?:rm|bf|sf|it)|operatorname|mbox|ce)(?![a-zA-Z])\s?"
    r"|[{}\s_$]|\\[,;!: ]"
)
_UNIT = rf"(?:{ELEMENT})\d*"
_GROUP = rf"(?:{_UNIT}|\((?:{_UNIT})+\)\d*)"
_FORMULA = re.compile(rf"{_GROUP}+")
_ION = re.compile(
    rf"({_GROUP}+|\[{_GROUP}+\])(?:\^\(?(?:(\d*)([+-])|([+-])(\d+))\)?|(?<![\^+-])(?P<glued>[+-]))"
)
_EACH = re.compile(ELEMENT)
_ENDS = re.compile(r"[+-]\d?[\s})$]*\Z")
_MARKED = re.compile(r"\\(?:text|math|ce)")
_ALONE = frozenset("HFKI")
_OFTEN = frozenset("HCNOSPFIKB")
"""Elements of one letter that formulas have; other letters are rather variables."""
_SEVERAL = 2
_LONGEST = 120
_ONE = re.compile(r"(?<!\d)1(?!\d)")


def in_one_formula(text: str) -> str:
    r"""Write a formula or an ion as one word, such as \text{@ion Fe.3plus}; keep any other text."""
    if not re.search(r"[A-Z]", text) or not re.search(r"[\d+-]", text) or len(text) > _LONGEST:
        return text
    bare = _MARKS.sub("", text)
    if _ENDS.search(text):
        return _ion(text, bare) or text
    elements = _EACH.findall(bare)
    if not _FORMULA.fullmatch(bare) or not re.search(r"\d", bare) or _ONE.search(bare):
        return text
    several = len(elements) >= _SEVERAL and _is_chemical(elements)
    return rf"\text{{@formula {_spelled(bare)}}}" if several or r"\ce" in text else text


def _is_chemical(elements: list[str]) -> bool:
    """Decide whether these are surely elements, and no variables."""
    single = {element for element in elements if len(element) == 1}
    return single <= _OFTEN and (bool(single & {"H", "O"}) or len(single) < len(set(elements)))


def _ion(text: str, bare: str) -> str:
    ion = _ION.fullmatch(bare)
    if ion is None:
        return ""
    formula, elements = ion[1], _EACH.findall(ion[1])
    count, sign = ion[2] or ion[5] or "1", ion[3] or ion[4] or ion["glued"]
    several = len(elements) >= _SEVERAL
    if ion["glued"]:
        digits = re.search(r"\d*\Z", formula)
        last = digits[0] if digits else ""
        if not (several or len(elements[0]) > 1):
            return ""
        if last and (not several or len(last) > 1):  # Fe3+; SO42-, but NH4+
            formula, count = formula[:-1], last[-1]
    elif not (several or ion[2] or len(elements[0]) > 1 or _MARKED.search(text)):
        return "" if formula not in _ALONE else _word(formula, count, sign)
    elif ion[4] and not (_MARKED.search(text) or any(len(element) > 1 for element in elements)):
        return ""  # a power: C^{-1}
    return _word(formula, count, sign)


def _word(formula: str, count: str, sign: str) -> str:
    return rf"\text{{@ion {_spelled(formula)}.{count}{'plus' if sign == '+' else 'minus'}}}"


def _spelled(formula: str) -> str:
    """Return a formula with its elements apart, since case is folded in words: Co. is no C.O."""
    return _EACH.sub(lambda match: f"{match[0]}.", formula)
