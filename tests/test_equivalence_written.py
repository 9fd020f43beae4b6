r"""Answers that only their spelling tells, and what is written in many ways: tables by hand.

Each table is a kind: pairs that are the same, and pairs that are different.
"""

import re
import time
from itertools import combinations

import pytest

from tests._equivalence import Pair, decided_wrongly, table
from ttrl_cli.equivalence.math_verify import canonical, decided, equivalent

Kind = tuple[list[Pair], list[Pair]]

LOGIC: Kind = (
    [
        (r"r \land s", r"s \wedge r"),
        ("r ∧ s", r"r \land s"),
        (r"r \land s \to t", r"s \land r \Rightarrow t"),
        (r"(r \lor s) \land t", r"t \land (s \vee r)"),
        (r"\lnot r", r"\neg r"),
        (r"r \iff s", r"s \Leftrightarrow r"),
        (r"r \implies s", "r → s"),
        (r"M \cap N", "N ∩ M"),
        (r"M \cup N", r"N\cup M"),
        (r"x < 2 \land x > 0", "0 < x < 2"),
        (r"x = 2 \lor x = 7", r"\{2, 7\}"),
        (r"n(M \cap N) = 4", "4"),
        (r"P(M \cup N) = \frac15", "0.2"),
        (r"(f \circ g)(x) = 3x", r"(f\circ g)(x)=x\cdot 3"),
        (r"4, 8, \ldots, 40", r"4,8,\dots,40"),
        (r"k \equiv 3 \pmod 8", r"3 \pmod{8}"),
    ],
    [
        (r"r \land s", r"r \lor s"),
        (r"r \wedge s", r"r \vee s"),
        (r"r \land s", "r, s"),
        (r"r \land s", "rs"),
        (r"M \cup N", r"M \cap N"),
        (r"M \cup N", "M, N"),
        (r"M \setminus N", r"N \setminus M"),
        (r"\neg r", "r"),
        ("¬r", "r"),
        (r"\lnot r, s", "r, s"),
        (r"\neg (r \land s)", r"\neg r \land s"),
        (r"r \Rightarrow s", r"r \Leftrightarrow s"),
        (r"r \Rightarrow s", r"s \Rightarrow r"),
        (r"r \to s", r"r \gets s"),
        ("r ⇒ s", "s ⇒ r"),
        (r"\forall t", r"\exists t"),
        (r"\exists s\,\forall t", r"\forall t\,\exists s"),
        (r"M \subset N", r"M \supset N"),
        (r"M \subseteq N", r"N \subseteq M"),
        (r"t \in M", r"t \notin M"),
        (r"t \in M", r"t \not\in M"),
        (r"r \oplus s", r"r \otimes s"),
        (r"f \circ g", r"g \circ f"),
        (r"k \parallel l", r"k \perp l"),
        (r"M \prec N", r"M \succ N"),
        (r"M \models r", r"r \models M"),
        (r"r \land (s \lor t)", r"(r \land s) \lor t"),
        (r"M \xrightarrow{h} N", r"N \xrightarrow{h} M"),
        (r"2 \to 5 \to 7", r"7 \to 5 \to 2"),
        (r"\not= 6", "6"),
        (r"t \not= 6", "t = 6"),
        (r"t \not< 6", "t < 6"),
    ],
)
NO_PRODUCTS: Kind = (
    [
        ("8 R 5", "8R5"),
        ("8 R 5", r"8\text{ R }5"),
        ("8 R 5", r"8\text{ remainder }5"),
        ("8 r 5", "8 with a remainder of 5"),
        ("9 to 6", "3:2"),
        (r"9 \text{ to } 6", r"\frac32"),
        ("2 to 3 to 5", "4:6:10"),
        ("7 out of 20", "0.35"),
        ("4 by 6", r"4\text{ by }6"),
        (r"4 \times 6\text{ matrix}", "4 by 6"),
        ("7 ft 4 in", "7 feet 4 inches"),
        ("7 ft 4 in", r"7\text{ ft }4\text{ in}"),
        ("7 ft 4 in", "7'4\""),
        ("4 in and 7 ft", "7 feet, 4 inches"),
        ("2 h 45 min", "2 hours and 45 minutes"),
        (r"\$3\text{ and }20\text{ cents}", "3 dollars 20 cents"),
        ("(a) 8 (b) 9", "(a) 8, (b) 9"),
        ("a) 8 b) 9", "(a) 8 and (b) 9"),
        ("(i) 8 (ii) 9", "(i) 8; (ii) 9"),
        ("(a) 8 (b) 9", "8, 9"),
        ("0x2f", "2F_{16}"),
        ("0b1101", "1101_2"),
        ("0o75", "75_8"),
        (r"6\ 9", "6 9"),
        ("4 x 10^6", "4000000"),
        (r"4\text{ and a half}", "4.5"),
        ("4 and a quarter hours", "4.25"),
        ("half", r"\frac12"),
        (r"\gcd(30, 42)", "6"),
        (r"\max(4, 9)", "9"),
    ],
    [
        ("8 R 5", "5 R 8"),
        ("8R5", "5R8"),
        (r"8\text{ R }5", r"5\text{ R }8"),
        ("8 R 5", "40R"),
        ("8 R 5", "8"),
        (r"8\text{ remainder }5", r"5\text{ remainder }8"),
        ("7 to 4", "4 to 7"),
        ("7 to 4", "28"),
        ("4 by 6", "6 by 4"),
        (r"4 \times 6\text{ matrix}", r"6 \times 4\text{ matrix}"),
        ("7 ft 4 in", "4 ft 7 in"),
        (r"7\text{ ft }4\text{ in}", r"4\text{ ft }7\text{ in}"),
        ("7 ft 4 in", "28"),
        ("7'4\"", "4'7\""),
        ("7'4\"", "74"),
        ("2 h 45 min", "45 h 2 min"),
        ("2h45m", "45h2m"),
        (r"\$3\text{ and }20\text{ cents}", r"\$20\text{ and }3\text{ cents}"),
        ("(a) 8 (b) 9", "(a) 9 (b) 8"),
        ("a) 8 b) 9", "a) 9 b) 8"),
        ("(i) 8 (ii) 9", "(i) 9 (ii) 8"),
        ("(1) 8 (2) 9", "(1) 9 (2) 8"),
        ("H2O", "HO2"),
        ("C3H8O2", "C8H3O2"),
        ("K4", "4K"),
        ("m5n7", "m7n5"),
        ("6C2", "2C6"),
        ("17 mod 5", "5 mod 17"),
        ("4 vs 9", "9 vs 4"),
        ("0x2F", "0x3A"),
        ("0x2F", "0"),
        ("0x10", "10"),
        ("0b110", "0b101"),
        ("0o17", "0o71"),
        ("6 9", "9 6"),
        (r"6\ 9", "54"),
        ("6 9", "69"),
        (r"6\quad 9", r"9\quad 6"),
        ("7 1 4", "4 1 7"),
        ("7 1 4", "28"),
        ("7 -1 4", "4 -1 7"),
        ("(4 1 7)", "(7 1 4)"),
        ("10.20.30", "10.30.20"),
        (r"4\text{ and a half}", "4"),
    ],
)
LINES: Kind = (
    [
        (r"\begin{cases}u=4\\v=9\end{cases}", "(4, 9)"),
        (r"\begin{cases}u=4\\v=9\end{cases}", "v = 9, u = 4"),
        (r"\begin{cases} u = 4, \\ v = 9. \end{cases}", r"u=4 \\ v=9"),
        (r"\left\{\begin{array}{l}u=4\\v=9\end{array}\right.", "u=4, v=9"),
        (r"\begin{aligned}u&=4\\v&=9\end{aligned}", "(4,9)"),
        (r"\begin{align*}u&=2+2\\&=4\end{align*}", "u = 4"),
        (r"\begin{array}{ll}u=4\\v=9\end{array}", "u = 4, v = 9"),
        (r"\begin{gathered}u=4\\[2pt]v=9\end{gathered}", "u=4, v=9"),
        (r"\begin{cases}u=4\\u=9\end{cases}", "4, 9"),
        (r"\begin{cases}u+v=13\\u-v=5\end{cases}", "u+v=13, u-v=5"),
        ("u=4\nv=9", "u=4, v=9"),
        ("u = 4 v = 9", "(4, 9)"),
        (r"u=4 \quad v=9", "u=4, v=9"),
        ("(u, v) = (4, 9)", "(4, 9)"),
        ("(u, v) = (4, 9)", "u = 4, v = 9"),
        ("(v, u) = (9, 4)", "u = 4, v = 9"),
        ("(u, v) = (4, 9), (6, 1)", "(6, 1), (4, 9)"),
        (r"(u, v) \in \{(4, 9), (6, 1)\}", "(6, 1), (4, 9)"),
        ("u=4, v=9; u=6, v=1", "(4, 9), (6, 1)"),
        ("u=4, v=9 or v=1, u=6", "(u, v) = (6, 1), (4, 9)"),
        (
            r"\begin{cases}u=4\\v=9\end{cases}, \begin{cases}u=6\\v=1\end{cases}",
            "(4,9),(6,1)",
        ),
        (
            r"f(x)=\begin{cases}2x & x>1\\-x & x\le 1\end{cases}",
            r"f(x) = \begin{cases} 2x, & x > 1 \\ -x, & x \leq 1 \end{cases}",
        ),
        (
            r"\begin{cases}2x & \text{if } x>1\\-x & \text{if } x\le 1\end{cases}",
            r"\begin{cases}-x, & x\le 1\\2x, & x>1\end{cases}",
        ),
        ("u = 0 or v = 0", "v = 0 or u = 0"),
        ("(4, 9), (6, 1), (4, 9)", "(4, 9), (6, 1)"),
        (r"\\left( 4, \\frac{9}{2} \\right)", "(4, 4.5)"),
        (r"4 \\le u \\le 9", "[4, 9]"),
    ],
    [
        (r"u=4\\v=9", r"u=5\\v=9"),
        (r"u=4\\v=9", "v=9"),
        (r"4\\9", r"5\\9"),
        (r"4\\9", "49"),
        (r"u=4\newline v=9", r"u=5\newline v=9"),
        ("u=4\nv=9", "u=5\nv=9"),
        ("u = 4 v = 9", "u = 5 v = 9"),
        (r"\begin{cases}u=4\\v=9\end{cases}", r"\begin{cases}u=5\\v=9\end{cases}"),
        (r"\begin{cases}u=4\\v=9\end{cases}", r"\begin{cases}u=9\\v=4\end{cases}"),
        (r"\begin{cases}u=4\\v=9\end{cases}", "9"),
        (r"\begin{aligned}u&=4\\v&=9\end{aligned}", r"\begin{aligned}u&=5\\v&=9\end{aligned}"),
        (r"\begin{array}{l}u=4\\v=9\end{array}", r"\begin{array}{l}u=5\\v=9\end{array}"),
        (r"\begin{split}u&=4\\v&=9\end{split}", "v=9"),
        (r"\begin{cases}u+v=13\\u-v=5\end{cases}", r"\begin{cases}u+v=14\\u-v=5\end{cases}"),
        (
            r"\begin{cases}2x & x>1\\-x & x\le 1\end{cases}",
            r"\begin{cases}-x & x>1\\2x & x\le 1\end{cases}",
        ),
        (
            r"\begin{cases}1 & \text{if } n \text{ is odd}\\4 & \text{otherwise}\end{cases}",
            r"\begin{cases}4 & \text{if } n \text{ is odd}\\1 & \text{otherwise}\end{cases}",
        ),
        (r"\begin{pmatrix}4\\9\end{pmatrix}", r"\begin{pmatrix}9\\4\end{pmatrix}"),
        ("u=4, v=9; u=6, v=1", "u=4, v=1; u=6, v=9"),
        ("u=4, v=9; u=6, v=1", "u=4, v=9"),
        ("u=4, v=9 or u=6, v=1", "u=6, v=9 or u=4, v=1"),
        ("(u, v) = (4, 9)", "(u, v) = (9, 4)"),
        ("(4, 9), (4, 9)", "(4, 9)"),
        ("u = 0 or v = 0", "u = 0, v = 0"),
        (r"u=0 \text{ or } v=0", r"u=0 \text{ and } v=0"),
        ("u = 0 or v = 0", "(0, 0)"),
        ("u = 4 or v = 9", "4, 9"),
        ("u < 4 or v > 9", "u < 4 and v > 9"),
        (r"u=4\lor v=9", r"u=4\land v=9"),
    ],
)
WORDS: Kind = (
    [
        ("iv", "IV"),
        ("(iv)", "iv."),
        (r"\text{xii}", "xii"),
        ("NaCl", r"\mathrm{NaCl}"),
        (r"\text{he}", "he"),
        ("xy", "yx"),
        ("P = vi", "P = iv"),
        (r"\"no\"", "no"),
    ],
    [
        ("iv", "vi"),
        ("xiv", "xvi"),
        ("ix", "xi"),
        ("(ix)", "(xi)"),
        (r"\text{iv}", r"\text{vi}"),
        ("vxi", "xiv"),
        ("ii", "-1"),
        ("iii", "-i"),
        ("vii", "viii"),
        ("mcm", "cmm"),
        (r"\text{bca}", r"\text{abc}"),
        (r"\mathrm{bca}", r"\mathrm{abc}"),
        (r"\text{st}", r"\text{ts}"),
        (r"\text{b a c}", r"\text{c a b}"),
        ("bba", "bab"),
        ("we", "ew"),
        ("up", "pu"),
        (r"\text{so}", r"\text{os}"),
        ("Co", "oC"),
        ("Fe", "eF"),
        (r"\mathrm{Mg}", r"\mathrm{gM}"),
        ("HCl", "ClH"),
        ("KBr", "BrK"),
    ],
)
NOTATIONS: Kind = (
    [
        (r"\frac{ds}{dt}=4t", "4t"),
        (r"\frac{ds}{dt}=4t", "ds/dt = 4t"),
        (r"\frac{\mathrm{d}s}{\mathrm{d}t}=4t", r"\frac{ds}{dt}=4t"),
        (r"\vec u\cdot\vec v", r"\vec{v}\cdot\vec{u}"),
        (r"C = B^TA", r"B^{T}A"),
        (r"\{\{4\},9\}", r"\{9,\{4\}\}"),
        (r"\{\emptyset\}", r"\{\{\}\}"),
        (r"\{9\}", "9"),
        (r"t \not= 6", r"t \ne 6"),
        ("March 9, 2021", "2021-03-09"),
        ("9 March 2021", "Mar. 9th, 2021"),
        ("9th of March", "March 9"),
        ("2021/03/09", "2021年3月9日"),
        ("3/9/2021", "03/09/2021"),
        (r"52^\circ 15^\prime", r"52.25^\circ"),
        ("52°15'", "52.25"),
        ("52° 15′ 36″", "52.26°"),
        ("[243]_5", "243_5"),
        (r"\left[2A\right]_{16}", r"2A_{16}"),
        ("f^{-1}(3)=8", "8"),
        ("f^{-1}(x)=3x", "y=3x"),
        ("f^{-1}(x)=3x", "3x"),
        (r"62\}", "62"),
        ("62}", "62"),
        (r"\{62", "62"),
        (r"\frac{3}{5}}", "0.6"),
        ("62)", "62"),
        ("negative 62", "-62"),
    ],
    [
        ("m!!", "(m!)!"),
        (r"\frac{ds}{dt}", r"\frac{dt}{ds}"),
        (r"\frac{ds}{dt}", r"\frac{s}{t}"),
        ("ds/dt", "dt/ds"),
        ("ds/dt", "s/t"),
        (r"\frac{ds}{dt}=4t", r"\frac{dt}{ds}=4t"),
        (r"\frac{d^2s}{dt^2}", r"\frac{ds}{dt}"),
        (r"\frac{\partial h}{\partial s}", r"\frac{\partial h}{\partial t}"),
        (r"\frac{d}{dt}", r"\frac1t"),
        (r"\vec u\cdot\vec v", r"\vec u\times\vec v"),
        (r"\vec{u}\times\vec{v}", r"\vec{v}\times\vec{u}"),
        (r"\mathbf{u}\cdot\mathbf{v}", r"\mathbf{u}\times\mathbf{v}"),
        (
            r"\overrightarrow{PQ}\times\overrightarrow{RS}",
            r"\overrightarrow{RS}\times\overrightarrow{PQ}",
        ),
        ("B^TC", "CB^T"),
        ("B^{-1}C", "CB^{-1}"),
        (r"B^\dagger C", r"CB^\dagger"),
        (r"B^{\top}C", r"CB^{\top}"),
        ("B^*C", "CB^*"),
        ("(BC)^T", "B^TC^T"),
        ("(BC)^{-1}", "B^{-1}C^{-1}"),
        ("QDQ^{-1}", "Q^{-1}DQ"),
        ("QDQ^{-1}", "D"),
        ("B^TB", "BB^T"),
        (r"W\Lambda W^T", r"W^T\Lambda W"),
        (r"B^{-1}\cdot C", r"C\cdot B^{-1}"),
        (r"\{\{4\},9\}", r"\{4,\{9\}\}"),
        (r"\{\{4\},9\}", r"\{4,9\}"),
        (r"\{\{4,9\}\}", r"\{4,9\}"),
        (r"\{\{4\}\}", r"\{4\}"),
        (r"\{\emptyset\}", r"\emptyset"),
        (r"\{\emptyset,\{\emptyset\}\}", r"\{\emptyset\}"),
        (r"(\{4\}, 9)", "(4, 9)"),
        ("2021-03-09", "2021-09-03"),
        ("2021-03-09", "2009"),
        ("2021/03/09", "2021/09/03"),
        ("3/9/2021", "9/3/2021"),
        ("3-09-2021", "9-03-2021"),
        ("March 9, 2021", "March 9, 2020"),
        ("March 9", "March 8"),
        ("2021年3月9日", "2021年9月3日"),
        ("52°15'", "15°52'"),
        ("52°15'", "5215"),
        ("f^{-1}(3)=8", "f(3)=8"),
        ("f^{-1}(x)=3x", "f(x)=3x"),
    ],
)
UNITS: Kind = (
    [
        (f"14 {unit}", "14")
        for unit in (
            "J", "N", "W", "V", "A", "K", "Hz", "Pa", "kPa", "mol", "kJ", "kWh", "eV", "mA", "mL",
            "nm", "mol/L", "kJ/mol", "J/K", "g/mol", "N m", "N/m", "W/m^2", "m/s", "m/s^2",
            "m·s^{-2}", "m s^{-2}", "m s^-2", "kg m/s", "J/(kg K)", "J/(kg·K)", "km/h", "rad/s",
            "cm³/s",
        )
    ]
    + [
        (r"14\ \mathrm{J}", "14"),
        ("1.4 × 10^3 J", "1400"),
        ("10^{-5} m", "0.00001"),
        ("14 cupcakes baked", "14"),
        ("14元/千克", "14"),
        ("14千米/小时", "14"),
        ("14 米/秒", "14"),
        ("12 ordered pairs", "12"),
        ("14 real roots", "14"),
        ("14 remaining", "14"),
        ("14 feet long", "14"),
    ],
    [("14 J", "15 J"), ("14Q", "14"), ("14 Q", "14")],
)  # fmt: skip
BOUNDS: Kind = (
    [
        ("at least 8", "8 or more"),
        (r"\text{at least } 8", r"8\text{ or more}"),
        (r"\ge 8", "no less than 8"),
        ("8 cm or more", r"\text{at least 8 cm}"),
        (r"8\text{ cm or more}", "8 at least"),
        ("at most 8", r"8\text{ or fewer}"),
        ("no more than 8", r"\le 8"),
        ("more than 8", "> 8"),
        ("fewer than 8", "<8"),
    ],
    [
        (phrase, other)
        for phrase in (
            "at least 8", "8 or more", r"8\text{ or more}", "8 and above", "at most 8",
            "8 or fewer", r"8\text{ or less}", "more than 8", "less than 8", "over 8", "under 8",
            "up to 8", r"\ge 8", r"\le 8", "> 8", "<8", r"\ne 8", "about 8", "at least 8 cm",
            "8% or more", r"\$8\text{ or more}",
        )
        for other in ("8", "9")
    ]
    + [
        ("at least 8", "at most 8"),
        ("8 or more", "8 or fewer"),
        (r"8\text{ or more}", r"8\text{ or less}"),
        ("at least 8", "more than 8"),
        ("at least 8", "at least 9"),
        ("over 8", "under 8"),
        ("maximum 8", "minimum 8"),
    ],
)  # fmt: skip
TIMES: Kind = (
    [
        (time, "11 a.m.")
        for time in (
            r"11\text{ o'clock a.m.}", r"11\text{ o'clock AM}", "11 o'clock am",
            r"11\text{ o'clock }\text{a.m.}", r"\text{11 o'clock a.m.}", r"11\text{ hours a.m.}",
            "11 hrs AM", r"11\text{ o'clock in the morning}", r"11\text{ (a.m.)}", "11 (AM)",
            r"11:00\text{ o'clock a.m.}",
        )
    ]
    + [
        ("8 o'clock at night", "20:00"),
        ("2 at night", "2 a.m."),
        (r"(8\text{ o'clock p.m.}, 3)", "(8 pm, 3)"),
        (r"t = 8:45\text{ hours p.m.}", "8:45 PM"),
    ],
    [
        (form.format(first), other)
        for form in (
            r"11\text{{ o'clock {}}}", "11 o'clock {}", r"11\text{{ hours {}}}",
            r"11\text{{ o'clock }}{}", r"\text{{11 o'clock {}}}", "11 ({})", "11 sharp {}",
        )
        for first, second in (("a.m.", "p.m."), ("AM", "PM"), ("am", "pm"))
        for other in (form.format(second), "11")
    ],
)  # fmt: skip
REGIONS: Kind = (
    [
        (r"x < 2 \cup x > 9", r"(-\infty,2)\cup(9,\infty)"),
        ("x ≤ 2 ∪ x ≥ 9", r"x \le 2 \text{ or } x \ge 9"),
        (r"\{x : x<2 \cup x>9\}", "x < 2 or x > 9"),
        (r"x > 9 \text{ or } x = 2", r"\{2\}\cup(9,\infty)"),
        (r"x = 2 \lor x > 9", r"(9,\infty) \cup \{2\}"),
        (r"x=2 \text{ or } x=3 \text{ or } x>9", r"\{2,3\}\cup(9,\infty)"),
        ("x < -2 or x = 0 or x > 2", r"(-\infty,-2)\cup\{0\}\cup(2,\infty)"),
        ("x > 9 or x = 9", r"x \ge 9"),
        ("x > 9 or x = 12", "x > 9"),
        ("None", r"\emptyset"),
        (r"\text{None}", "no solution"),
        ("there are none", r"\{\}"),
    ],
    [
        (r"x < 2 \cup x > 9", "2 < x < 9"),
        (r"x < 2 \cup x > 9", r"x < 2 \cap x > 9"),
        (r"M \cup N < 9", r"M \cap N < 9"),
        ("x > 9 or x = 2", "x > 9"),
        ("x > 9 or x = 2", "x > 9 or x = 3"),
        ("x > 9 or y = 2", r"\{2\}\cup(9,\infty)"),
        (r"\{2\}\cup(9,\infty)", r"(9,\infty)"),
        (r"\{2, 3\}\cup(9,\infty)", r"\{2\}\cup(9,\infty)"),
        ("None", "0"),
        (r"(\text{None}, 2)", r"(\emptyset, 2)"),
    ],
)
AMOUNTS: Kind = (
    [
        (amount, "17")
        for amount in (
            r"17\,\text{J}/(\text{mol}\cdot\text{K})", r"17\ \mathrm{J}/(\mathrm{kg}\,\mathrm{K})",
            r"17\,\mathrm{W}/(\mathrm{m}^2\cdot\mathrm{K})", r"17\,\frac{m}{s}",
            r"17\,\frac{km}{h}", r"17\frac{km}{h}", r"17\ \frac{m}{s^2}", r"17\,\frac{kg}{m^{3}}",
            r"17\;\frac{N}{m}", "17 yen", r"17\text{ yen}", "17 won", r"A\$17", r"\text{US}\$17",
            r"\text{US\$}17", r"\text{HK}\$\,17", r"AB = 17\text{ cm}", "PQ = 17 apples",
        )
    ]
    + [("17,000 won", "17000"), (r"\text{US}\$1,700", "1700")],
    [
        (r"17\,\frac{m}{n}", "17"),
        (r"17\frac{m}{s}", "17"),
        (r"17\frac{x}{y}", "17"),
        (r"17\,\frac{h}{g}", "17"),
        ("17 games won", "17"),
        ("17 won", "17 lost"),
    ],
)  # fmt: skip
SAID_AGAIN: Kind = (
    [
        (numeral, "213_5")
        for numeral in (
            r"213\text{ (base }5)", r"213\ (\text{base } 5)", r"213\ (\text{base 5})",
            r"213\text{ (base }5\text{)}", r"213\text{ (in base }5)", "213 (base-5)",
            r"213_{5}\text{ (base 5)}", "213_5 (base 5)", r"213_{\text{five}}\text{ (base 5)}",
            r"(213)_5\ (\text{base } 5)",
        )
    ]
    + [
        ("4 (four)", "4"),
        (r"4\ (\text{four})", "4"),
        (r"\text{4 (four)}", "4"),
        ("4 (Four) ways", "4"),
        ("x = 4 (four)", "4"),
        ("twelve (12)", "12"),
        ("86 (eighty-six)", "86"),
        ("1,206 (one thousand two hundred and six)", "1206"),
        (r"AB \approx 4", "4"),
        (r"|AB| \approx 4.2", "4.2"),
        (r"AB \approx 4\text{ cm}", "4"),
        (r"x = \sqrt5 \approx 2.236", r"\sqrt5"),
        (r"\sqrt5 \approx 2.236", r"\sqrt5"),
        (r"n \to 4", "4"),
        ("n → 4", "4"),
        ("n -> 4", "4"),
        (r"a_n \to \frac12", "0.5"),
        (r"n \to \infty", r"\infty"),
        ("58_500", "58500"),
        (r"58\_500", "58500"),
        ("1_000_000", "1000000"),
        (r"x = -58_500\text{ cm}", "-58500"),
    ],
    [
        (r"213_5\text{ (base 6)}", "213_5"),
        (r"213_5\text{ (base 6)}", "213_6"),
        (r"213\ (\text{base } 5)", r"213\ (\text{base } 6)"),
        (r"213\ (\text{base } 5)", "213"),
        ("4 (five)", "4"),
        ("4 (four)", "16"),
        ("twelve (13)", "13"),
        (r"AB \approx 4", r"AB \approx 5"),
        (r"AB \approx 4", r"CD \approx 4"),
        (r"r \to s", "s"),
        (r"4 \to 5", "5"),
        (r"n \to 4", r"m \to 4"),
        ("58_500", "58501"),
        ("58_5", "585"),
        ("58_50", "5850"),
    ],
)  # fmt: skip
KINDS = {
    "logic": LOGIC,
    "no products": NO_PRODUCTS,
    "lines": LINES,
    "words": WORDS,
    "notations": NOTATIONS,
    "units": UNITS,
    "bounds": BOUNDS,
    "times": TIMES,
    "regions": REGIONS,
    "amounts": AMOUNTS,
    "said again": SAID_AGAIN,
}
_OPPOSITES = """
    uphill/downhill upstream/downstream rising/falling climbing/sinking increasing/decreasing
    spent/saved paid/received bought/sold lent/borrowed earned/spent discount/markup front/back
    toward/away prime/composite inside/outside forward/backward win/lose deposit/withdrawal
    faster/slower taller/shorter older/younger hotter/colder wider/narrower thicker/thinner
    richer/poorer northbound/southbound ascending/descending added/removed gained/lost
    accelerating/decelerating compressed/stretched entering/leaving loaded/unloaded
    passed/failed overestimate/underestimate revenue/expense import/export inward/outward
    used/left red/blue odd/even real/imaginary upper/lower top/bottom extra/missing NE/SW
    internal/external interior/exterior valid/invalid legal/illegal visible/invisible plus/minus
    credits/debits sharper/flatter louder/quieter smoother/rougher both/neither lead/lag leads/lags
    ups/downs owes/owed lends/borrows ayes/noes
"""
PHRASES = [
    ("too many", "too few"), ("too high", "too low"), ("too long", "too short"),
    ("north of east", "east of north"), ("to the front", "to the back"), ("km N", "km S"),
    ("km E", "km W"), ("S", "N"), ("owes", "is owed"), ("going up", "going down"),
    ("given away", "taken away"),
]  # fmt: skip
_NEUTRAL = frozenset(("left", "N"))
"""What a number has behind it that is none of what decides."""


@pytest.mark.parametrize("kind", KINDS)
def test_keys_decide(kind: str) -> None:
    """Keys say of each pair of a kind what a careful teacher says, in either order."""
    same, different = KINDS[kind]
    assert not decided_wrongly(table(same=same, different=different))


@pytest.mark.parametrize("kind", KINDS)
def test_marks_around_an_answer_say_nothing(kind: str) -> None:
    """Dollar signs and a box change nothing."""
    same, different = KINDS[kind]
    plain = [case for case in table(same=same, different=different) if "$" not in case[0] + case[1]]
    for wrapper in ("${}$", r"\boxed{{{}}}", " {} "):
        cases = [
            (wrapper.format(a), wrapper.format(b), is_same)
            for a, b, is_same in plain
            if wrapper != r"\boxed{{{}}}" or _is_closed(a + b)
        ]
        assert not decided_wrongly(cases), wrapper


def _is_closed(text: str) -> bool:
    return len(re.findall(r"(?<!\\)\{", text)) == len(re.findall(r"(?<!\\)\}", text))


@pytest.mark.parametrize("form", ["14 {}", r"14\text{{ {}}}", r"14\text{{ m {}}}", "(14 {}, 2)"])
def test_opposites_are_two_answers(form: str) -> None:
    """A number with a word that decides is neither the number with its opposite, nor the number."""
    pairs = [*(tuple(pair.split("/")) for pair in _OPPOSITES.split()), *PHRASES]
    cases = [(form.format(first), form.format(second), False) for first, second in pairs]
    bare = form.replace(r"\text{{ {}}}", "").replace(r"\text{{ m {}}}", "").replace(" {}", "")
    cases += [
        (form.format(word), bare, False) for pair in pairs for word in pair if word not in _NEUTRAL
    ]
    assert not decided_wrongly(cases)


@pytest.mark.parametrize("kind", ["logic", "no products", "words"])
def test_math_verify_joins_nothing(kind: str) -> None:
    """What only its spelling tells is given to math-verify as a word, if it were asked."""
    for a, b in KINDS[kind][1]:
        if {canonical(a).kind, canonical(b).kind} == {"text"}:
            assert not equivalent(a, b), (a, b)


@pytest.mark.parametrize(
    "answer",
    [
        "44 +", r"\frac{65}{", "???", r"\sqrt{99", "7 *", "((", r"r \land", r"5 \times",
        r"\foo{4}", "B^*",
    ],
)  # fmt: skip
def test_broken_formulas_ask_nobody(answer: str) -> None:
    """A formula that is broken off is the same as itself alone, without math-verify."""
    for other in ("44", "7", r"\frac{65}{2}", r"\{4, 9\}", "x = 4", "(1, 2)", r"\foo{5}"):
        assert decided(canonical(answer), canonical(other)) is False
    assert decided(canonical(answer), canonical(f" {answer} ")) is True


@pytest.mark.parametrize(
    "part",
    [
        "5 ft 2 in ", "5 to ", "2 by ", "(a) 3 ", "7 R ", "/(kg K)", "kg·", "at least ",
        "5 or more ",
        "January 5, ", "2021-03-", "1/5/", r"x=1\\", "x=1,y=2;", r"\begin{cases}",
        r"\begin{cases}1&2",
        r"\neg ", r"p \land q \lor ", r"(p \land ", r"\{\{", r"\vec a\times ", "B^{-1}C", "dy/dx",
        "too ", "CoNiS", "ivx", "37°30'", "$2 and 5 cents", r"\\frac", "5 and a half ", "0x1F ",
        "u=1 ", r"/(\text{a}", r"\frac{m}{s}", "3 (three ", "seven-", r"x<1 \cup ", "11 o'clock ",
        "11 (", "312_4 (base ", "58_500", r"\text{US", r"x \to ", r"AB \approx ", "am ",
    ],
)  # fmt: skip
def test_canonical_never_stalls(part: str) -> None:
    """A kilobyte of what looks like these kinds ends soon; the bound is a guard against blow-up."""
    canonical.cache_clear()
    started = time.process_time()
    for answer in (part * (999 // len(part)), "5" + part * (900 // len(part)) + "!"):
        assert canonical(answer).key
    assert time.process_time() - started < 5


def test_keys_are_consistent() -> None:
    """Over all answers of all kinds verdicts are symmetric, and equal keys are the same."""
    pairs = [pair for kind in KINDS.values() for pairs in kind for pair in pairs]
    answers = list(dict.fromkeys(answer for pair in pairs for answer in pair))[::2]
    known = {answer: canonical(answer) for answer in answers}
    for a, b in combinations(answers, 2):
        verdict = decided(known[a], known[b])
        assert verdict is decided(known[b], known[a]), (a, b)
        assert (known[a].key != known[b].key) or verdict, (a, b)
