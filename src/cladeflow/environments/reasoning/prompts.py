"""How a task is put to the three kinds of model."""

CHAT = """\
Solve the task in the last line, one short line per step and nothing else.
- "chain 47+6-9": work from left to right, one operation per line: 47+6=53, then 53-9=44.
- "add 58+67": add column by column from the right, one column per line, with a carry as the \
third addend: 8+7=15, then 5+6+1=12.
- "make 26 from 3 5 7": reach the first number from the others, each used at most once, with \
+, - or *; combine two numbers per line: 3*7=21, then 21+5=26.
End with a line "Answer: N".
- "judge" before a task and its solution: write each line as it should read, up to the first \
wrong one; end with "ok", or "err k" where line k, counted from 1, is the first wrong one.
- "revise" before a task, its solution and such a judgement: write the whole solution anew.

{task}"""

BASE = """\
chain 47+6-9
47+6=53
53-9=44
=44

add 58+67
8+7=15
5+6+1=12
=125

make 26 from 3 5 7
3*7=21
21+5=26
=26

judge chain 47+6-9
47+6=54
54-9=45
=45
?
47+6=53
err 1

revise chain 47+6-9
47+6=54
54-9=45
=45
err 1
47+6=53
53-9=44
=44

{task}
"""

PROMPT_FORMATS = {"seed": "{task}\n", "chat": CHAT, "base": BASE}
