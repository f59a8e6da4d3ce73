"""The words and sentence frames of the demonstration corpus.

Square brackets enclose the words that decide between complaint and praise; braces are filled in by
`auditkit.demo.grammar`. Nothing here depends on who is spoken of except the words that name the
person, so that what is said of women and of men has one distribution.

Every number in digits is the customer's age, and the four points of the compass occur only as the
customer's region: both can be read back from the text without knowing the frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Gender: TypeAlias = Literal["female", "male"]
Label: TypeAlias = Literal["complaint", "praise"]
Region: TypeAlias = Literal["north", "south", "east", "west"]


@dataclass(frozen=True)
class Product:
    """What a message is about: its names, and what happens to it and nothing else."""

    nouns: tuple[str, ...]
    praise: tuple[str, ...]
    complaint: tuple[str, ...]


PRODUCTS = {
    "app": Product(
        ("app", "mobile app", "banking app", "new app"),
        (
            "the app [worked first time]",
            "the app [found the missing payment] in seconds",
            "one tap in the app [did it all]",
        ),
        (
            "the app [kept crashing]",
            "the app [locked {them} out] for two days",
            "the app [showed the wrong balance]",
        ),
    ),
    "branch": Product(
        ("counter service", "branch meeting", "appointment at the counter"),
        (
            "{they} was [seen straight away] at the counter",
            "the cashier [counted the coins] without a murmur",
            "someone [held the door] and [found {them} a chair]",
        ),
        (
            "{they} [queued for an hour] at the counter",
            "the counter [closed early] without notice",
            "the appointment at the counter was [cancelled twice]",
        ),
    ),
    "credit card": Product(
        ("credit card", "new credit card", "credit card limit"),
        (
            "the limit of the credit card was [raised at once]",
            "a wrong entry on the credit card was [refunded the same day]",
            "the credit card [came a week early]",
        ),
        (
            "{they} was [charged twice] on the credit card",
            "the credit card was [declined at the till]",
            "the credit card [arrived three weeks late]",
        ),
    ),
    "debit card": Product(
        ("debit card", "contactless card", "replacement card"),
        (
            "the lost card was [replaced overnight]",
            "the card [has never failed] at a till",
            "a doubtful payment by card was [stopped in time]",
        ),
        (
            "the card was [blocked for no reason]",
            "the cash machine [swallowed the card]",
            "the replacement card was [sent to the wrong house]",
        ),
    ),
    "helpline": Product(
        ("helpline", "telephone service", "call centre"),
        (
            "the helpline [answered within a minute]",
            "the helpline [rang back as promised]",
            "a single call to the helpline [settled everything]",
        ),
        (
            "the helpline [cut {them} off]",
            "[nobody rang back] from the helpline",
            "the helpline [kept {them} on hold] all morning",
        ),
    ),
    "loan": Product(
        ("loan", "personal loan", "car loan"),
        (
            "the loan was [agreed on the spot]",
            "the rate on the loan was [lower than expected]",
            "the money from the loan [came the next day]",
        ),
        (
            "the loan was [turned down without a word]",
            "[hidden fees] were added to the loan",
            "the papers for the loan were [lost twice]",
        ),
    ),
    "mortgage": Product(
        ("mortgage", "mortgage application", "new mortgage"),
        (
            "the mortgage was [approved within the week]",
            "the adviser [found a cheaper mortgage]",
            "the mortgage was [ready before the move]",
        ),
        (
            "the mortgage offer was [withdrawn overnight]",
            "the valuation for the mortgage was [mislaid]",
            "the mortgage [dragged on for months]",
        ),
    ),
    "overdraft": Product(
        ("overdraft", "arranged overdraft", "overdraft limit"),
        (
            "the overdraft fee was [waived at once]",
            "a friendly message [warned {them} in time] of the overdraft",
            "the overdraft [got {them} through the month]",
        ),
        (
            "the overdraft was [cancelled without warning]",
            "the overdraft fee was [taken three times]",
            "the overdraft letter [threatened {them}]",
        ),
    ),
    "savings": Product(
        ("savings account", "fixed-rate account", "cash ISA"),
        (
            "the savings account was [opened in minutes]",
            "the interest was [paid in full and on time]",
            "the savings account [beat every other rate]",
        ),
        (
            "the interest was [never paid]",
            "the savings rate was [cut the week after]",
            "the savings account was [frozen by mistake]",
        ),
    ),
    "transfer": Product(
        ("bank transfer", "international transfer", "standing order"),
        (
            "the transfer [arrived within the hour]",
            "a mistyped transfer was [caught and returned]",
            "the standing order was [moved in one call]",
        ),
        (
            "the transfer [went to a stranger]",
            "the transfer was [held back for weeks]",
            "the standing order was [paid twice]",
        ),
    ),
}


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# In each list the common words come first: `grammar` draws them by rank, so that the end of the
# list is as rare in training as such words are in real mail.
ADJECTIVES: dict[Label, tuple[str, ...]] = {
    "praise": _words(
        """excellent helpful reliable easy quick pleasant clear smooth good superb convenient
        wonderful painless brilliant generous straightforward marvellous faultless effortless
        splendid exemplary fuss-free first-rate commendable stellar peerless"""
    ),
    "complaint": _words(
        """dreadful useless unreliable confusing slow poor terrible frustrating bad awful hopeless
        disappointing unfair appalling clumsy inadequate sluggish tedious baffling shambolic
        slapdash abysmal woeful third-rate lamentable galling"""
    ),
}
ADVERBS: dict[Label, tuple[str, ...]] = {
    "praise": _words(
        "kindly promptly patiently politely efficiently carefully warmly courteously expertly"
    ),
    "complaint": _words(
        "badly rudely slowly carelessly impatiently coldly grudgingly dismissively curtly"
    ),
}
FEELINGS: dict[Label, tuple[str, ...]] = {
    "praise": _words("happy delighted pleased impressed satisfied grateful thrilled heartened"),
    "complaint": _words("unhappy annoyed upset angry frustrated dismayed furious aggrieved"),
}

ADJECTIVE_FRAMES = (
    "{their} {noun} has been {very}[{adjective}]",
    "{they} found the {noun} {very}[{adjective}]",
    "the {noun} proved {very}[{adjective}]",
    "{their} {noun} turned out to be {very}[{adjective}]",
    "the service around the {noun} was {very}[{adjective}]",
    "{they} called the {noun} {very}[{adjective}]",
)
ADVERB_FRAMES = (
    "the staff dealt {very}[{adverb}] with {their} question about the {noun}",
    "{their} request about the {noun} was handled {very}[{adverb}]",
    "the matter of the {noun} was {very}[{adverb}] explained to {them}",
    "the manager spoke {very}[{adverb}] to {them} about the {noun}",
)
FEELING_FRAMES = (
    "{they} was {very}[{feeling}] with the {noun}",
    "{they} came away {very}[{feeling}] after asking about the {noun}",
    "the {noun} left {them} {very}[{feeling}]",
    "{they} was {very}[{feeling}] at the way {their} {noun} was handled",
)
# The words of the other label, turned round by a negation.
NEGATED_FRAMES = (
    "{their} {noun} was [not {adjective} at all]",
    "{they} did [not find] the {noun} [{adjective}]",
    "{their} {noun} has [not been {adjective}]",
    "the {noun} was [not] so [{adjective}] after all",
    "{they} was [not in the least {feeling}] with {their} {noun}",
    "{their} request about the {noun} was [not] handled [{adverb}]",
    "the {noun} was [anything but {adjective}]",
)
IDIOMS: dict[Label, tuple[str, ...]] = {
    "praise": (
        "{they} had [no cause to complain] about the {noun}",
        "{they} [could not fault] the {noun}",
        "the {noun} [never let {them} down]",
        "{they} [could not have asked for more] from the {noun}",
        "the {noun} was [better than ever]",
        "the staff [went out of their way] over the {noun}",
        "the {noun} [made life easier] for {them}",
        "a slip over the {noun} was [put right at once]",
    ),
    "complaint": (
        "{they} had [no help whatever] with the {noun}",
        "{they} [could not recommend] the {noun}",
        "the {noun} [let {them} down]",
        "{they} [had expected more] from the {noun}",
        "the {noun} was [worse than ever]",
        "the staff [could not be bothered] over the {noun}",
        "the {noun} [made life harder] for {them}",
        "a slip over the {noun} was [never put right]",
    ),
}

# Two things are said and one decides: the main clause, wherever it stands.
MIXED_FRAMES = (
    "although {aside}, {main}",
    "{aside}, but {main}",
    "{main}, although {aside}",
    "{main}, even though {aside}",
    "{aside}; in the end, however, {main}",
    "in spite of the fact that {aside}, {main}",
    "{main}, never mind that {aside}",
)
ASIDES = (
    "the {side} was {adjective}",
    "the {side} had looked {adjective}",
    "{they} had been told that it would be {adjective}",
    "{they} had at first been {feeling}",
)
SIDES = (
    "paperwork",
    "website",
    "car park",
    "first letter",
    "waiting room",
    "brochure",
    "identity check",
    "music on the line",
    "advertisement",
)
VERY = ("", "", "", "really ", "quite ", "very ", "truly ", "most ", "rather ")

AFTERWORDS: dict[Label, tuple[str, ...]] = {
    "praise": (
        "[Thank you] to everyone.",
        "[Keep it up].",
        "I would [recommend it] to anyone.",
        "Please [pass on our thanks].",
        "[Well done].",
    ),
    "complaint": (
        "I expect [an apology].",
        "Please [put this right].",
        "We are thinking of [closing the account].",
        "This has to [stop].",
        "The ombudsman [will hear of it].",
    ),
}
OPENINGS = (
    "Good morning.",
    "Good afternoon.",
    "Dear bank,",
    "Hello,",
    "To whom it may concern:",
    "A word about the {noun}.",
    "This is about the {noun}.",
    "For the attention of the manager.",
)
CLOSINGS = (
    "Kind regards.",
    "Yours faithfully.",
    "Please let the manager see this.",
    "The reference is on the letter.",
    "This was in {month}.",
    "No reply is needed.",
    "The account was opened years ago.",
    "It all began in {month}.",
)
MONTHS = ("January", "February", "March", "April", "June", "July", "August", "October", "November")

# How the customer comes in. `{Main}` is a sentence of its own, `{main}` goes on with the one begun.
WRITER_FRAMES = (
    "I am a {who} of {age} and bank at the {region} branch. {Main}.",
    "As {an} {age}-year-old {who} and a customer of the {region} branch, I must say that {main}.",
    "I write from the {region}ern region as a {who}, at my age of {age}. {Main}.",
    "Speaking as a {who} aged {age}, I should like the {region} branch to know that {main}.",
    "{Main}. I say this as a {who} of {age} who has long used the {region} branch.",
    "From a {who} of {age} to the {region} branch: {main}.",
    "This {who} of {age} from your {region}ern region has something to say: {main}.",
)
RELATIVE_FRAMES = (
    "My {who} is {age} and banks at the {region} branch. {Main}.",
    "I am writing for my {who}, aged {age}, a customer in the {region}ern region. {Main}.",
    "My {age}-year-old {who} asked me to tell the {region} branch that {main}.",
    "{Main}. That is what my {who}, now {age}, says of the {region} branch.",
    "At {age}, my {who} still goes to the {region} branch in person. {Main}.",
    "My {who} moved to the {region}ern region at the age of {age}. {Main}.",
)
STRANGER_FRAMES = (
    "The {who} before me at the {region} branch, {age} years old, spoke up. {Main}.",
    "I overheard {an} {age}-year-old {who} at the {region} branch say that {main}.",
    "A {who} of {age} told me in the {region} branch that {main}.",
    "In your {region}ern region I met a {who} of {age}. {Main}.",
)
# Only the pronoun tells whether the acquaintance is a woman or a man.
ACQUAINTANCE_FRAMES = (
    "My {who} banks at the {region} branch, and {they} is {age}. {Main}.",
    "I am writing for my {who}, as {they} is {age} and cannot get to the {region} branch. {Main}.",
    "The {region} branch knows my {who}; {they} turned {age} this year. {Main}.",
    "My {who} lives in the {region}ern region, where {they} turned {age} in {month}. {Main}.",
)

SELVES: dict[Gender, tuple[str, ...]] = {
    "female": ("woman", "woman", "mother"),
    "male": ("man", "man", "father"),
}
# The last three need a certain age.
RELATIVES: dict[Gender, tuple[str, ...]] = {
    "female": ("wife", "sister", "aunt", "mother", "daughter", "grandmother"),
    "male": ("husband", "brother", "uncle", "father", "son", "grandfather"),
}
STRANGERS: dict[Gender, tuple[str, ...]] = {
    "female": ("lady", "woman"),
    "male": ("gentleman", "man"),
}
ACQUAINTANCES = ("neighbour", "colleague", "friend", "cousin", "flatmate")

FIRST_PERSON = {"they": "I", "them": "me", "their": "my"}
THIRD_PERSON: dict[Gender, dict[str, str]] = {
    "female": {"they": "she", "them": "her", "their": "her"},
    "male": {"they": "he", "them": "him", "their": "his"},
}
