r"""A sentence on an answer line: which value of it is the answer.

"The smallest $n$ is 41" says 41, and "There are 26 such numbers" 26: the value, or the list of
values, that directly follows is, are, equals (or "=", behind words); else all that follows, if that
is no words; or the value that the sentence begins with ("41 is the smallest n"). Verbs of clauses
within the sentence ("when x = 2", "that are even") do not count.

What is not clear stays as it is: two clauses ("x is 3 and y is 4"), a last verb that no value
follows ("Statement 2 is false", "x is at least 5"), values by cases ("3 if n is even"), a sentence
that denies or answers by yes or no.

A sentence without such a verb that says what is done ("It takes 3 hours", "He sold 72 clips") says
its value, if it has exactly one, and is no denial, bound, condition or comparison. What may be a
direction stays as well ("She has 3 left").
"""

import re

from ttrl_cli.answers import phrases
from ttrl_cli.answers.tails import without_tail
from ttrl_cli.answers.trim import clean
from ttrl_cli.completions import names

_VERB = re.compile(
    rf"(?<![^\W_])(?:{names.COPULA}|was|were|be|equals?(?:\sto)?|vaut|beträgt"
    r"|il\sy\s(?:en\s)?a|es\sgibt|hay)(?![^\W_])|(?<![=<>!≠≤≥:])=(?!=)|是|为|為|等于|等於|共?有(?=\s?\d)",
    re.IGNORECASE,
)
_THERE_IS = re.compile(r"il\sy\s(?:en\s)?a|es\sgibt|hay|共?有", re.IGNORECASE)
_HEDGE = re.compile(
    rf"[\s:：]*(?:(?:{phrases.ROUGHLY}|{phrases.THEREFORE}|exactly|precisely|only|just|equal\sto|simply"
    r"|altogether|in\s(?:total|all)|an?\s(?:grand\s)?(?:total|sum)\sof|au\stotal|insgesamt|en\stotal),?"
    r"\s+){0,2}",
    re.IGNORECASE,
)
_SIGN = r"[-+−±]?\s?[$€£¥]?\s?"
_IRRATIONAL = (
    r"\s?(?:π|\\pi(?![A-Za-z])|√(?:\d++|\([^()\n]{1,20}\))|\\sqrt\{[^{}\n]{1,30}\})(?:\s?/\s?\d++)?"
)
_NUMBER = (
    rf"{_SIGN}(?:\\[dt]?frac\{{[^{{}}]{{1,30}}\}}\{{[^{{}}]{{1,30}}\}}"
    r"|(?:\d{1,3}(?:(?:,|\{,\}|\\[,!]\s?|,\\!\s?)\d{3})+(?!\d)|\d++)(?:\.\d++)?(?:\s?/\s?\d++)?|\.\d++)"
    rf"(?:{_IRRATIONAL}){{0,2}}"
    r"(?:\s?\\?%|\s?°|\^\{?\\circ\}?)?"
)
_FORMULA = r"\$[^$\n]{1,200}\$|\\\([^\n]{1,200}?\\\)|\*\*[^*\n]{1,100}\*\*"
_VALUE = re.compile(rf"(?:{_FORMULA}|{_NUMBER})(?![^\W一-鿿]|[.,]\d)")
_SCALE = re.compile(
    r"\s?(?:[ap]\.?m\b\.?|o['’]clock|dozen|hundred|thousand|(?:m|b|tr)illion|percent|million(?:en|es|s)"
    r"|万|亿)",
    re.IGNORECASE,
)
_LIST = re.compile(rf"\s?(?:,\s?(?:(?:and|or)\b)?|\b(?:{phrases.JOINING})\b|和|或|、)\s?")
_CLAUSE = re.compile(  # what joins two clauses
    rf"[,，;；]|\b(?:{phrases.JOINING}|{phrases.THEREFORE}|{phrases.THEREFORE_ELSEWHERE}|but|while"
    rf"|whereas|{phrases.BECAUSE}|mais|aber|pero)\b|和|或|而|{phrases.THEREFORE_ZH}",
    re.IGNORECASE,
)
_WITHIN = re.compile(  # what begins a clause within a sentence, up to its verb
    r"\b(?:when(?:ever)?|where|whether|while|as|because|since|quand|lorsque|wenn|falls|cuando)\b"
    r"[^,，]*\Z|(?:\b(?:that|which|who)\s|当[^,，]*)\Z",
    re.IGNORECASE,
)
_AT = re.compile(r"\b(?:for|at|with|by|given|pour|für|bei|mit|para|con)\b[^,，]*\Z", re.IGNORECASE)
_UNCLEAR = re.compile(
    r"(?<![^\W_])(?:(?:no|non)(?!-)|not|none|never|cannot|yes|impossible|except|excluding|without"
    r"|(?:true|false)(?!\s\w+s\b)|if|unless|otherwise|depend(?:s|ing)|neither|nor"
    r"|pas|aucune?|jamais|sauf|oui|si|faux|nicht|nie|keine?[nrs]?|außer|ja|nein|unmöglich|falsch"
    r"|ningun[oa]?|nunca|salvo|excepto|imposible|falso|sí)(?![^\W_])|n['’]t\b"
    r"|不是|不能|不存在|不可能|没有|无解|除了|如果|是否|错",
    re.IGNORECASE,
)
_TAIL = re.compile(r"\s(?:that|which|who|whose|where|when|with|qui|que|die)\s", re.IGNORECASE)
_ANOTHER = re.compile(rf"(?:[,;，；]\s?|\b(?:and|or|but)\s(?:it\s)?(?:is\s)?){_NUMBER}")
_RANGE = re.compile(r"\b(?:between|from|entre|zwischen|von|de)\b", re.IGNORECASE)
_SUBJECT = re.compile(r"\s(?:is|are|est|ist|es|son|sind)\s(?:the|le|la|l'|der|die|das|el)\b")
_WORDS = re.compile(r"[^\W\d_]{2,}")
_MATHEMATICS = re.compile(r"\$[^$\n]*\$|\\\([^\n]*?\\\)|\\[A-Za-z]+")
_MORE = re.compile(  # what a value goes on with: 2x + 1, 2:3, 25 π, 2 1/2, 3...; 5 or more, 1 in 5
    r"\s?[-−+*/^=<>_!(\\:×·÷√±]|[–—~]\d|\s?[°′'’]\s?\d|\s\d|\s(?![aày]\s)[^\W\d_一-鿿](?![^\W\d_])"
    r"|\s?,?\s?(?:\.\.\.|…|\b(?:and\sso\son|etc)\b)"
    r"|,?\s(?:or|and)\s(?:more|less|fewer|above|below|greater|higher|lower|larger|smaller|bigger|so)\b"
    r"|\s(?:at\s(?:least|most)|to|through|times|more|less|mod|choose|squared|cubed|factorial|in\sbase)\b"
    r"|\s(?:over|in|out\sof|of|by|past|per|bis|sur)\s\d|\s(?:January|February|March|April|May|June"
    r"|July|August|September|October|November|December)\b"
)
_UNIT = r"\s(?:(?:square|cubic|sq\.?|cu\.?)\s)?(?!to\b|mod\b)[^\W\d_]{1,12}(?:/[^\W\d_]{1,8})?\.?"
_KEPT = re.compile(rf"(?:{_UNIT})?\sleft\b")  # and no direction: she has 3 apples left
_COMPOUND = re.compile(  # 5 feet 3 inches; 3 May 2020
    rf"{_UNIT}(?:,?\s)\s?{_NUMBER}(?:{_UNIT}(?:\s{_NUMBER}(?:{_UNIT})?)?)?(?=\s?(?:\Z|[,.;)]))"
)
_MORE_BEHIND_UNIT = re.compile(  # 5 cm by 3 cm, 8 km north, 5 degrees below zero, 2 years older
    rf"(?:{_UNIT})?\s(?:by|past|over|times|plus|minus)\s\d"
    rf"|(?:{_UNIT})?\s(?:to\sthe\s|due\s|in\s(?:the\s)?)?(?:(?:north|south)?-?(?:east|west)|north|south"
    r"|left|right|(?:counter|anti)?clockwise|above|below|under|before|after|ago|ahead|behind|profit"
    r"|loss|a\.?d|b\.?c|more|less|fewer|older|younger|taller|shorter|longer|higher|lower|faster"
    r"|slower|heavier|lighter)\b",
    re.IGNORECASE,
)
_THERE = re.compile(r"\bthere\s\Z", re.IGNORECASE)
_LEAD = re.compile(
    rf"\A(?:and\s)?(?:{phrases.THEREFORE}|{phrases.THEREFORE_ELSEWHERE}|{phrases.THEREFORE_ZH})"
    r"(?:\s?(?P<mark>[,，:：])\s?|\s)",
    re.IGNORECASE,
)
_DOES = re.compile(  # verbs of sentences that have one value: it takes 3 hours
    r"(?<![^\W_])(?:(?:is\s|are\s|was\s|were\s)?(?:takes?|took|taken|needs?|needed|requires?|required|gives?"
    r"|gave|gets?|got|gotten|yields?|yielded|makes?|made|produces?|produced|obtains?|obtained|finds?|found"
    r"|costs?|pays?|paid|spends?|spent|earns?|earned|saves?|saved|owes?|owed|sells?|sold|buys?|bought"
    r"|receives?|received|collects?|collected|gains?|gained|wins?|won|loses?|lost|eats?|ate|eaten|drinks?"
    r"|drank|uses?|used|reads?|writes?|wrote|written|bakes?|baked|picks?|picked|plants?|planted|builds?"
    r"|built|travels?|travell?ed|walks?|walked|runs?|ran|drives?|drove|driven|rides?|rode|flies|flew|swims?"
    r"|swam|covers?|covered|works?|worked|waits?|waited|lasts?|lasted|weighs?|weighed|measures?|measured"
    r"|contains?|contained|holds?|held|has|have|had|keeps?|kept|charges?|charged|scores?|scored|solves?"
    r"|solved|counts?|counted|catch(?:es)?|caught|carr(?:y|ies|ied)|remains?|remained|becomes?|became"
    r"|totals?|totall?ed|amounts?|amounted|raises?|raised|shares?|shared|donates?|donated|learn(?:s|ed)?"
    r"|invests?|invested|deliver(?:s|ed)?|pack(?:s|ed)?|drawn?|draws|drew|paint(?:s|ed)?|order(?:s|ed)?"
    r"|faut|prend|coûte|gagne|donne|obtient|vend|vendu|a|dauert|kostet|braucht|verdient|ergibt|erhält|hat"
    r"|verkauft|bleiben|tarda|cuesta|gana|necesita|tiene|vendió|da)|需要|卖了|赚了?|花了?|剩下?|得到?)"
    r"(?:\s(?:up\sto|to|him|her|them|it|us|me|you|for|at|in|as|out))?(?![^\W\d_一-鿿])",
    re.IGNORECASE,
)
_BOUND = re.compile(  # what makes a value a bound, a comparison or a condition
    r"\b(?:least|most|than|more|less|fewer|over|under|up\sto|almost|nearly|between|minimum|maximum|exceeds?"
    r"|above|below|within|when(?:ever)?|where|while|until|before|after|might|may|could|times\s(?:as|the|that|more|his|her)"
    r"|twice|half|double|as\s(?:many|much)|other|another|first|second|last|but|plus|moins|mehr|weniger|más"
    r"|menos|mindestens|höchstens|quand|wenn|cuando|whereas|suppose|assum\w+|because|since)\b"
    r"|[<>≤≥]|\\[lg]eq?\b|至少|最多|超过|多于|少于",
    re.IGNORECASE,
)
_OBJECTION = re.compile(r"\?|\bhow\b|\bwhat\b", re.IGNORECASE)
_OBJECT = re.compile(  # who gets it, perhaps: it takes the train 3 hours
    r"(?:\s(?:the|a|his|her|their|its|each)\s[^\W\d_]{1,16}|\s[A-Z][a-z]{1,16})?(?=\s|\d|\$)"
)
_ALONE = re.compile(  # answers in words: yes, none; a name, a title
    r"(?i:yes|no|true|false|none|neither|both|never|always|undefined|infinity|infinite|impossible"
    r"|(?:infinitely|no|all|any|none|there\s(?:is|are)\sno)\b.{0,40}|does\snot\sexist|oui|non|vrai|faux"
    r"|aucune?|ja|nein|wahr|falsch|keine?|sí|verdadero|falso|是|否|对|错|无解|不存在)"
    r"|(?:[A-Z][\w.'’-]*(?:\s(?:[A-Z][\w.'’-]*|of|the|de|van|von|and)){0,4})"
)
_LONGEST = 400
_MOST_WORDS = 2  # of a unit


def value_in(text: str) -> str:
    """Return the value that a sentence states; the whole text if it states none or is unclear."""
    if len(text) > _LONGEST or "\n" in text:
        return text
    kept = without_tail(text, is_answer)
    plain = _without_lead(text if kept == text else clean(kept))
    verbs = _governing(plain)
    if not verbs:
        return _done(plain) or plain
    last = verbs[-1]
    if _CLAUSE.search(plain, verbs[0].end(), last.start()):
        return plain
    if any(_values(plain, verb.end()) for verb in verbs[:-1]):
        return plain
    value = _values(plain, last.end())
    if value and _is_more(plain, last, value):
        return plain
    if not value:
        rest = plain[last.end() :].strip(" :：")
        said = _first_value(plain) if _words(rest) and not _is_measure(rest) else rest
        return clean(said) if said and not _UNCLEAR.search(plain) else plain
    return plain if _is_unclear(plain, last.end(), value) else clean(value)


def _without_lead(text: str) -> str:
    """Remove "therefore" before a value, and before any sentence where a comma follows."""
    lead = _LEAD.match(text)
    if lead is None:
        return text
    rest = clean(text[lead.end() :])
    return rest if rest and (lead["mark"] or is_value(rest)) else text


def _done(text: str) -> str:
    """Return the one value of a sentence that says what is done; empty if that is not clear."""
    if _BOUND.search(text) or _UNCLEAR.search(text) or _OBJECTION.search(text):
        return ""
    for verb in _DOES.finditer(text):
        before = text[: verb.start()]
        if not _words(before) and not verb[0].isascii():
            before += "x"  # Chinese needs no subject
        if re.search(r"\d|[$\\=]", before) or not before.strip():
            return ""
        between = _OBJECT.match(text, verb.end())
        value = _values(text, verb.end()) or (_values(text, between.end()) if between else "")
        if value:
            return clean(value) if _is_alone(text, verb, value) else ""
    return ""


def _is_alone(text: str, verb: re.Match[str], value: str) -> bool:
    """Decide whether a value behind a verb is the only one, and no words change it."""
    end = text.index(value, verb.end()) + len(value)
    if re.search(r"[\d$\\=;；]", text[end:]) or _LIST.search(value):
        return False
    kept = _KEPT.match(text, end) and (value[0] in "$€£" or not text[end:].startswith(" left"))
    if kept and re.fullmatch(r"ha[sd]|have", verb[0], re.IGNORECASE):
        return True
    return not _MORE_BEHIND_UNIT.match(text, end)


def _is_more(text: str, verb: re.Match[str], value: str) -> bool:
    """Decide whether the words behind a value and its unit change it ("5 km north")."""
    if _THERE.search(text[: verb.start()]) or _THERE_IS.fullmatch(verb[0]):
        return False  # of what is counted, words say which
    end = text.index(value, verb.end()) + len(value)
    return _MORE_BEHIND_UNIT.match(text, end) is not None


def _is_unclear(text: str, start: int, value: str) -> bool:
    """Decide whether a sentence denies the value behind `start`, or adds other values."""
    end = text.index(value, start) + len(value)
    main = text[:end] + _TAIL.split(text[end:], maxsplit=1)[0]
    others = _ANOTHER.search(text, end)
    return bool(_UNCLEAR.search(main) or (others and not _RANGE.search(text, end, others.start())))


def _is_measure(text: str) -> bool:
    """Decide whether a text is a quantity of several units or a date, and nothing else."""
    value = _VALUE.match(text)
    measure = value and _COMPOUND.match(text, value.end())
    return bool(measure) and not text[measure.end() :].strip(" .") if measure else False


def _first_value(text: str) -> str:
    """Return the value that begins a sentence and is its subject ("41 is the least n"); else ""."""
    value = _VALUE.match(text)
    found = value is not None and _SUBJECT.match(text, value.end())
    return value[0] if value and found and not re.search(r"\d", text[value.end() :]) else ""


def _governing(text: str) -> list[re.Match[str]]:
    """Return the main verbs of a sentence, without the verbs of subordinate clauses."""
    governing: list[re.Match[str]] = []
    end = 0  # of the verb before: a word that begins a clause takes the next verb alone
    for verb in _VERB.finditer(text):
        if not _in_prose(text, verb):
            continue
        before = text[end : verb.start()]
        within = _WITHIN.search(before) or (verb[0] == "=" and _AT.search(before))
        if not within and _says(text, verb):
            governing.append(verb)
        end = verb.end()
    return governing


def _in_prose(text: str, verb: re.Match[str]) -> bool:
    """Decide whether a verb stands in prose, not in a formula."""
    before = text[: verb.start()]
    return not before.count("$") % 2 and before.count(r"\(") <= before.count(r"\)")


def _says(text: str, verb: re.Match[str]) -> bool:
    """Decide whether a verb has a subject before it; "there is" needs none."""
    before = text[: verb.start()]
    if verb[0] == "=":
        return _words(before) >= 2
    return bool(before.strip()) or _THERE_IS.fullmatch(verb[0]) is not None


def _values(text: str, start: int) -> str:
    """Return the value, or the list of values, that begins at `start`; empty if there is none."""
    hedge = _HEDGE.match(text, start)
    start = end = hedge.end() if hedge else start
    count = 0
    while value := _VALUE.match(text, end):
        end, count = value.end(), count + 1
        if scale := _SCALE.match(text, end):
            end = scale.end()
        between = _LIST.match(text, end)
        if between is None or not _VALUE.match(text, between.end()):
            break
        end = between.end()
    return text[start:end].strip() if count and not _goes_on(text, end) else ""


def _goes_on(text: str, end: int) -> bool:
    """Decide whether the value that ends at `end` is only a part of a longer one."""
    return bool(_MORE.match(text, end) or _COMPOUND.match(text, end))


def is_value(text: str) -> bool:
    """Decide whether a text is a value: a number or a formula, perhaps with a unit."""
    begins = re.match(rf"{_NUMBER}|{_FORMULA}|\\|[(\[{{|]|[A-Za-z](?:_\w)?\s?=", text)
    if begins is not None and re.search(r"[\d\\$]", text) is not None:
        return _words(text) <= _MOST_WORDS
    return _words(text) == 0 and re.search(r"[^\W_]|∞|∅", text) is not None


def is_answer(text: str) -> bool:
    """Decide whether a text is an answer by itself, and not words about one, such as "unique"."""
    return is_value(text) or _ALONE.fullmatch(text) is not None


def _words(text: str) -> int:
    return len(_WORDS.findall(_MATHEMATICS.sub(" ", text)))
