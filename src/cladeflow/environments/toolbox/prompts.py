"""How a task is put to the three kinds of model."""

CHAT = """\
Solve the task in the last line with two tools. Write exactly one line per turn and nothing else:
- "lookup KEY" shows the table's entry of a key: a price, or the next key and a number.
- "calc EXPRESSION" computes whole numbers with +, - and *.
- "answer NUMBER" gives the answer and ends the task.
Tasks:
- "buy 3 pear 2 fig": what 3 pears and 2 figs cost together at the table's prices.
- "sum 3 from fig": start at fig, follow the keys through 3 entries, add their numbers.
"err" in place of an entry or a value means that the call was refused.

{task}"""

BASE = """\
buy 3 pear 2 fig
lookup pear
7
lookup fig
4
calc 3*7+2*4
29
answer 29

sum 3 from fig
lookup fig
plum 4
lookup plum
kiwi 2
lookup kiwi
lime 9
calc 4+2+9
15
answer 15

{task}
"""

PROMPT_FORMATS = {"seed": "{task}\n", "chat": CHAT, "base": BASE}
