"""The dialogue: a person types a name, a code, a question in words; Yingma answers with what its tools say.

    text ──▶ intent (rules) ──▶ tools ──▶ facts ──▶ Markdown, buttons, cards
                 │                            ▲
                 └─ words that no rule knows ─┴─ a language model chooses tools, where there is one

No HTTP in it. A code in an answer comes from the coder, never from a model's text.
"""
