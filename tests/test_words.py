"""Plain English: the words of the glossary's "not" column appear in no template, message or document.

Each rule names the word, what to say instead, and where the word is allowed, with the reason. `docs/glossary.md` explains
the terms. Code spans (`…`) of a document are names of the code and are not checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.texts import ROOT, Kind, Text, documents, modules, short, templates, texts_of

FILES = [*documents(), *templates(), *(path for path in modules() if texts_of(path))]
EVERYWHERE: tuple[Kind, ...] = ("screen", "error", "document")
SCREEN: tuple[Kind, ...] = ("screen",)


@dataclass(frozen=True, slots=True)
class Allowed:
    """A place where a word is right: files that match `path`, texts that match `text`, and why."""

    path: str
    why: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """A word that is not used: `pattern` finds it, `instead` is the term for it.

    `wrong` is a text that the pattern must find, `right` one that it must leave alone (tests of the pattern itself).
    """

    pattern: str
    instead: str
    wrong: str
    right: str = ""
    kinds: tuple[Kind, ...] = EVERYWHERE
    allowed: tuple[Allowed, ...] = ()


SHOP = (
    Allowed(r"opencart|etsy", "OpenCart and Etsy call the seller's own site a shop"),
    Allowed(r"", "OpenCart and Etsy call the seller's own site a shop", text=r"OpenCart|Etsy"),
    Allowed(r"", "a name that a person chose, a web address, a key's own name", text=r"UK shop|web shop|shop key|shop\.example"),
)  # fmt: skip

ENGINEERS = Allowed(r"/management/commands/", "commands are for engineers")

WORDS: Sequence[Word] = (
    # Where we are, and whose it is.
    Word(r"\b(?:the|our|your|this|in|a|whole) house\b|\bhouse[’']s\b", "Manifold", "the house's prices", "house number"),
    Word(
        r"\b(?:ours|theirs)\b", "Manifold's / the store's", "Keep ours", "yours", SCREEN
    ),
    Word(
        r"\bmarketplaces?\b",
        "channel",
        "the marketplace refused it",
        "market places",
        allowed=(Allowed(r"", "BigCommerce's own name", text=r"App Marketplace"),),
    ),
    Word(
        r"\b(?:price|prices|sku|id|ids|open|categories|stock|quantity|figure|figures|not|sold|shown|set|changed|made|delete"
        r"|deleted|status|cancelled|shipped|approved|noted|known|listed|active|found|read|placed|refunded|done) there\b",
        "in the store / on the channel",
        "Price there",
        "Sign in there. There are no orders, is there one?",
        SCREEN,
    ),
    Word(
        r"\b(?:price|prices|sale|known|tracked|counted|changed|removed|shipped|cancelled|approved|figure|stock|store) here\b",
        "in Manifold",
        "A SKU is not known here",
        "Orders appear here when they reach this status.",
        SCREEN,
    ),
    Word(r"\bshops?\b", "store", "The shop is slow", "a workshop", allowed=SHOP),
    # Sending and importing.
    Word(r"\btold\b", "was sent / was imported", "What it was told", "tolls"),
    Word(r"\btell(?:s|ing)?\b", "send / say / show", "The channel tells us at once", "a teller"),
    Word(r"\blet(?:s|ting)? (?:it |them |him |her |us )?in\b", "import", "Let it in", "let us know"),
    Word(r"\blet(?:s|ting)? (?:it |them )?go\b", "release", "let go of its stock", "outlet goods"),
    Word(r"\b(?:pull|push)(?:s|es|ed|ing)?\b", "import / send", "the next push", "pushchair", SCREEN, (ENGINEERS,)),
    Word(r"\bsending (?:is |was )?(?:switched )?on\b|\bswitch(?:ed|es|ing)? sending\b", "live / read-only", "Until sending is switched on", "sending one order"),
    Word(r"\bdrain(?:s|ed|ing)?\b", "send / dispatcher", "the drain claims a batch", "brain"),
    # The queue.
    Word(r"\b(?:door)?bells?\b", "wake-up", "The queue is a doorbell", "labels"),
    Word(r"\b(?:rings?|rang|rung|ringing)\b", "wake up / enqueue / wake-up", "it rings again", "strings"),
    Word(r"\bhush(?:ed|es)?\b", "pause", "the store is hushed", "push it"),
    Word(r"\bappointments?\b", "timer / scheduled wake-up", "makes an appointment", "appointed"),
    Word(r"\bwires?\b", "API / HTTP", "what the wire does", "wireless"),
    # Records, messages and problems.
    Word(r"\bpark(?:ed|s|ing)?\b", "failed message", "Parked messages", "sparkle"),
    Word(r"\brefused records?\b|\brecords? (?:was |were |is |are )?refused\b", "rejected record", "Refused records", "the channel refused the key"),
    Word(r"\bin doubt\b", "uncertain / problem", "Opening stock in doubt", "no doubt"),
    Word(r"\bneeds? a person\b", "Needs attention", "Needs a person", "needs personal data"),
    Word(r"\bsolv(?:e|es|ed|ing)\b", "resolve", "Solve ▸", "resolve the problem"),
    Word(r"\bputs? (?:it |them )?aside\b|\bputting aside\b", "hold / dismiss", "Put aside", "put a side table"),
    # Stock and money.
    Word(
        r"\b(?:SKUs?|stock|variants?|products?)\b[^.;:]*\b(?:is|are) not counted\b|^not counted$|\buncounted\b",
        "stock not tracked",
        "SKUs that are not counted",
        "Not counted: warehouses that do not serve this store",
    ),
    Word(r"\bheld units\b|\bunits (?:is |are |were )?held\b|\bholds? (?:its |their |the |no )?(?:units|stock)\b", "allocated", "with its units held", "The hold ends."),
    Word(r"\bshel(?:f|ves)\b", "on hand / stock item", "no shelf", "itself"),
    Word(r"\bledgers?\b", "stock history", "It stands in the ledger", "pledge"),
    Word(r"\bg(?:ive|ives|ave|iven|iving) (?:(?:the|its|some|all) )?(?:(?:stock|money|units|goods) )?back\b", "refund / release / return", "Money was given back", "gives native JSON back"),
    Word(r"\btak(?:e|es|en|ing) (?:it |them )?back\b|\btook back\b", "undo / move back", "Taken back from packing", "takes effect"),
    Word(r"\btak(?:e|es|en|ing) (?:it |them )?over\b|\btook over\b", "use / import", "Take over theirs", "takes precedence over"),
    Word(r"\b(?:keep|keeps|kept|keeping|hold|holds|held|holding) back\b", "reserve / delay", "what is kept back for orders", "holds the backup"),
    # The API limit.
    Word(r"\bwhat may still\b|\ballowances?\b", "API limit", "What may still be asked", "allowed"),
    Word(r"\bbudgets?\b", "API limit", "The budget is empty", "budgetary", SCREEN, allowed=(Allowed(r"^benchmarks/", "names of scripts"),)),
    # Statuses and buttons.
    Word(r"\bRFP\b|\bRTS\b", "Ready for fulfilment / Ready to ship", "12 orders RTS", "PARTS"),
    Word(r"\brelease for packing\b", "Release", "Release for packing", "release the order"),
    Word(r"^(?:Look|Open|Solve)? ?▸$|^Look$", "View", "Look", "Look up", SCREEN),
    Word(r"^Well$", "OK", "Well", "Well-known", SCREEN),
    # Pictures instead of words.
    Word(r"\bstand(?:s|ing)?\b(?!-)|\bstood\b", "is / is recorded / continues", "Ours stands until", "a stand-in"),
    Word(r"\bdoors?\b", "(name the module)", "The one door", "indoor"),
    Word(r"\bfalls? over\b|\bfell over\b", "returns an error", "One order at which it falls over", "falls to 0"),
    Word(r"\b(?:is|are|be|was|were) left alone\b", "is not changed", "The rest is left alone", "left a lone row"),
    Word(r"\bat the (?:order )?desk\b", "in Manifold / by staff", "noted at the desk", "a desktop"),
    Word(r"\b(?:its|the|a|their|whose) turns?\b", "lease / lock / slot", "a store waits for its turn", "served in turn"),
    Word(r"\btransitions?\b", "move", "Unknown transition", "in transit", SCREEN),
    Word(r"\bpatience\b|\bclothes\b", "(say it literally)", "its patience ends", "patient"),
    Word(r"\bwelcomes?\b", "(leave it out)", "Welcome to Manifold", "overwelcome"),
)  # fmt: skip


def matches(word: Word, text: Text, name: str) -> Iterator[str]:
    if text.kind not in word.kinds:
        return
    for found in re.finditer(word.pattern, text.plain, re.IGNORECASE if word.pattern[0] != "^" else 0):
        if not any(
            re.search(place.path, name) and re.search(place.text, text.plain) for place in word.allowed
        ):
            yield f"{text}: not “{found[0]}”, say: {word.instead}"


@pytest.mark.parametrize("path", FILES, ids=short)
def test_plain_words(path: Path) -> None:
    name = short(path)
    said = [line for text in texts_of(path) for word in WORDS for line in matches(word, text, name)]
    assert said == []


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.wrong)
def test_a_rule_finds_its_word_and_nothing_else(word: Word) -> None:
    kind = word.kinds[0]
    assert list(matches(word, Text(1, word.wrong, kind), "x.md"))
    assert not list(matches(word, Text(1, word.right, kind), "x.md"))


# --------------------------------------------------------------------------------------------- one spelling
#: Other terms of the trade that have two spellings in the wild: ours, and the ones that are not ours.
SPELLINGS = {
    "SKU": r"\b[Ss]kus?\b",
    "e-mail": r"\b[Ee]mails?\b|\beMail\b",
    "webhook": r"\bweb[- ]hooks?\b|\bWebHooks?\b",
    "catalogue": r"\b[Cc]atalogs?\b",
    "cancelled": r"\bcancel(?:ed|ing)\b",
    "sign in": r"\b[Ll]og(?:ged|ging)?[- ]in\b",
    "colour": r"\b[Cc]olors?\b",
}
#: American spellings and names that are right: what another party calls its own things.
NAMES_OF_OTHERS = re.compile(r"Awaiting Fulfillment|Partial Fulfillment|Catalog API|V3 Catalog")


def glossary_terms() -> tuple[str, ...]:
    """The first column of the table in `docs/glossary.md`, one term an entry."""
    terms = []
    for line in (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines():
        first = re.sub(r"[*_`]|\(.*?\)", "", line.strip("|").partition("|")[0]).strip()
        if line.startswith("|") and first.lower() != "term" and set(first) - set("-: "):
            terms += re.split(r"\s*[,/→]\s*", first)
    return tuple(term for term in terms if term)


def other_spellings(term: str) -> set[str]:
    """Spellings of a term that nobody should use: joined, hyphenated, American.

    "read-only" may not be "readonly"; "read only" may be a sentence of its own and is not looked for.
    """
    found = {term.replace("-", "").lower()} if "-" in term else set()
    if " " in term:
        found |= {term.replace(" ", "-").lower(), term.replace(" ", "").lower()}
    for ours, theirs in (("fulfilment", "fulfillment"), ("cancelled", "canceled"), ("catalogue", "catalog")):
        found |= {each.replace(ours, theirs) for each in (*found, term.lower()) if ours in each}
    return found - {term.lower()}


def misspelled() -> tuple[tuple[str, re.Pattern[str]], ...]:
    rules = [(ours, re.compile(pattern)) for ours, pattern in SPELLINGS.items()]
    for term in glossary_terms():
        if others := other_spellings(term):
            choice = "|".join(re.escape(other) for other in sorted(others))
            rules.append((term, re.compile(rf"(?<![\w/.-])(?:{choice})s?(?![\w/.-])", re.IGNORECASE)))
    return tuple(rules)


MISSPELLED = misspelled()


@pytest.mark.parametrize("path", FILES, ids=short)
def test_a_term_is_spelled_one_way(path: Path) -> None:
    said = []
    for text in texts_of(path):
        words = NAMES_OF_OTHERS.sub("…", text.plain)
        said += [
            f"{text}: not “{found[0]}”, spell it: {ours}"
            for ours, pattern in MISSPELLED
            for found in pattern.finditer(words)
        ]
    assert said == []


def test_the_terms_are_those_of_the_glossary() -> None:
    terms = glossary_terms()
    assert len(terms) >= 40
    assert {"Manifold", "rejected record", "read-only", "on hand", "window"} <= set(terms)
    assert {"term", "", "refused record"}.isdisjoint(terms)


def test_other_spellings_of_a_term() -> None:
    assert other_spellings("read-only") == {"readonly"}
    assert other_spellings("on hand") == {"on-hand", "onhand"}
    assert other_spellings("Ready for fulfilment") >= {"ready for fulfillment", "ready-for-fulfilment"}
    assert other_spellings("store") == set()
