r"""What an answer is called, and how a text announces one, in five languages.

Both the end of a turn (a label behind an answer) and the answer itself are found by these.
"""

_ANSWER_EN = r"answers?|ans"
_ANSWER_FR = r"réponses?"
_ANSWER_DE = r"antwort(?:en)?"
_ANSWER_ES = r"respuestas?"
_ANSWER_ZH = r"答案"
_IS_EN = r"is|are"
_IS_FR = r"est|sont"
_IS_DE = r"ist|sind|lautet|lauten"
_IS_ES = r"es(?!\sgibt)|son"
_IS_ZH = r"是|为|為|等于|等於"

EN = (
    r"(?:(?:so|thus|hence|therefore|and)\b,?\s{1,3})?(?:(?:the|my|our|your)\s{1,3})?"
    r"(?:(?:final|correct|right|best|exact|short|numerical|actual|true)\s{1,3}){0,2}"
    rf"(?:{_ANSWER_EN}|(?:correct|right|best)\s(?:option|choice))"
    r"(?:\s(?:to|for)\s[^\n:：=.?!]{1,60}?)?"
)
FR = (
    r"(?:(?:donc|ainsi)\b,?\s{1,3})?(?:(?:la|ma|notre|les)\s{1,3})?(?:bonnes?\s)?"
    rf"(?:{_ANSWER_FR}|(?:bonne\s)?option(?=\scorrecte))(?:\s(?:finale|correcte|exacte)s?)?"
)
DE = (
    r"(?:(?:also|somit|daher|damit)\b,?\s{1,3})?(?:(?:die|meine|unsere)\s{1,3})?"
    r"(?:(?:endgültige|finale|richtige|korrekte|abschließende)n?\s)?"
    rf"(?:{_ANSWER_DE}|(?<=richtige\s)option)"
)
ES = (
    r"(?:(?:entonces|así\sque)\b,?\s{1,3})?(?:(?:la|mi|nuestra|las)\s{1,3})?"
    rf"(?:{_ANSWER_ES}|(?:opción|alternativa)(?=\scorrecta))(?:\s(?:final|correcta"
    rf"|definitiva)(?:es|s)?)?"
)
ZH = (
    r"(?:所以|因此|故|于是|那么|综上[,，]?)?\s?(?:本题|此题)?的?(?:最终|最終|最后|最後|正确|正確|标准|標準)?的?"
    rf"(?:{_ANSWER_ZH}|正确选项|正確選項)(?:应该|應該|应|應)?"
)
RESULT = (
    r"(?:(?:the|le|das|el)\s)?(?:(?:final|end)\s{1,3})?(?:result|(?<=final\s)(?:value|total|number)"
    r"|résultat(?:\sfinal)?|(?:end)?ergebnis|resultado(?:\sfinal)?"
    r"|(?:最终|最終|最后|最後|计算|計算)?的?(?:结果|結果))"
)
SOLUTION = r"(?:(?:the|la|die)\s)?(?:final\s)?(?:solution|lösung|solución)"
CONCLUSION = r"(?:in\s)?conclusion|fazit|conclusión|结论|結論"
_SHOULD = (  # be a value, and not of a kind: should be 8, but not: should be a fraction, 3 digits
    r"(?:should|must)\s(?:actually\s|really\s|instead\s)?(?:be|equal|have\sbeen)"
    r"(?=[^\w\n]{1,6}(?:\d|\\|[a-z]\b))"
    r"(?![^\w\n]{1,6}(?:a\s\w|\d{1,3}[\s-](?:digits?|decimal|significant|words?|places|or)\b))"
)
IS_EN = rf"(?:{_IS_EN}|(?:would|will)\sbe|{_SHOULD}|equals)"
IS_FR = rf"(?:{_IS_FR})"
IS_DE = rf"(?:{_IS_DE})"
IS_ES = rf"(?:{_IS_ES})"
IS_ZH = rf"(?:{_IS_ZH})"
COPULA = f"{_IS_EN}|{_IS_FR}|{_IS_DE}|{_IS_ES}"
"""Verbs that say what something is, but for Chinese ones."""
CHOSEN_ZH = r"选(?:择)?(?!取|项)"
_LINE_END = r"[^\S\n]*+$"
_TEXT_END = r"[*_`.]{0,3}\s*+\Z"
GSM8K = (
    r"(?<![^\s])\#{4}(?!\#)[^\S\n]*+(?:"
    rf"(?=[*_`]{{0,3}}[-+−]?[$€£]?\d[\d,./]*%?[*_`.]{{0,4}}{_LINE_END})"
    rf"|(?=[*_`]{{0,3}}(?:\$[^$\n]{{1,80}}\$|\\\([^\n]{{1,80}}?\\\))[*_`.]{{0,4}}{_LINE_END})"
    rf"|(?!\d{{1,2}}[.)]\s)(?=[*_`]{{0,3}}(?:[a-z](?:_\w)?\s?=\s?)?[-+−]?"
    rf"(?:[$€£]\s?)?[\d\\(\[{{][^\n]{{0,60}}{_TEXT_END})"
    rf"|(?=[*_`]{{0,3}}(?:yes|no|true|false|none){_TEXT_END}))"
)
"""GSM8K's last line: a value, with words only at the text's end; other such lines are headings."""
_NAMES = rf"(?:\b(?:{_ANSWER_EN}|{_ANSWER_FR}|{_ANSWER_DE}|{_ANSWER_ES})\b|{_ANSWER_ZH})"
_BEFORE_VALUE = r"[^\w\n]{0,8}[\w\\]"
ANNOUNCED = (
    r"\\(?:boxed|fbox)(?![a-z])|</(?:final[ _-]?)?answer\s?>|<\|end_of_box\|>"
    r"|^[ \t]*\#{4}[ \t]*[*_`]{0,3}[-+−$€£\d]"
    rf"|(?:{_NAMES}|\b(?:result|solution)\b)[^\w\n]{{0,8}}(?:\b(?:{COPULA})\b|{_IS_ZH}|[:：=】])"
    rf"{_BEFORE_VALUE}|[故案]选{_BEFORE_VALUE}"
    rf"|^[^\w\n]{{0,8}}(?:\w{{1,16}}[ ])?{_NAMES}[^\w\n]{{0,8}}\n\s{{0,4}}{_BEFORE_VALUE}"
)
"""Where an answer is given, to be read with IGNORECASE and MULTILINE."""
