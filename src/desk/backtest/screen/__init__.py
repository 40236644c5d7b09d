"""One screen a stage: where a tick may say something, seen in columns and never too narrow.

Beside each stage of ``trader.stages`` a module of the same name here. Whatever an exact tick says, its screen says
"maybe" of that tick; where the screen is sure that nothing is said, it also knows the code of the denial that is
counted. Whoever changes a stage changes its screen; the tests compare both.
"""
