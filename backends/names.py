"""Short readable machine ids, such as ``calm-otter``."""

from __future__ import annotations

import random
import re

_FIRST = (
    "amber azure bold brave brief bright brisk calm clear clever cool crisp deft eager early easy fair "
    "fast fine firm fond free fresh glad gold good grand green happy hardy jolly keen kind lean light live "
    "loud lucid lucky mild neat new nice noble odd pale plain plum proud pure quick quiet rapid rare ready "
    "red ripe royal safe sharp shy silver sleek slim smart snug soft solid spry still sunny super sure "
    "swift tall tame tidy tiny true vast vivid warm wide wild wise young zesty"
).split()
_SECOND = (
    "ant badger bat bear beaver bee bison boar bobcat carp cat cobra cod colt coot crab crane crow deer "
    "dingo dog dove duck eagle eel egret elk emu falcon ferret finch fox frog gecko goat goose gull hare "
    "hawk heron ibex ibis jay kite kiwi koala lark lemur lion lizard llama lynx mole moose moth mouse mule "
    "newt orca otter owl panda perch pike pony puma quail rabbit ram raven robin salmon seal shark sheep "
    "shrew skunk sloth snail snake stork swan tapir tern tiger toad trout tuna turtle vole walrus wasp "
    "weasel whale wolf wombat wren yak zebra"
).split()

ID_PATTERN = re.compile(r"[a-z]+-[a-z]+(-[0-9]+)?")


def random_id(rng: random.Random | None = None) -> str:
    """Return a random id; some 9,000 exist, so the caller must try again when it is taken."""
    source = rng or random.SystemRandom()
    return f"{source.choice(_FIRST)}-{source.choice(_SECOND)}"
