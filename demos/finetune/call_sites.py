"""Ten places where somebody is about to call the library, written by hand. Pure.

None of these files is trained on, and neither is any name in them but the library's own (``guard.py`` checks that).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from finetune.library import METHODS, OPENERS, PACKAGE

CURSOR = "▏"
"""Where the cursor stands in the texts below."""


@dataclass(frozen=True, slots=True)
class CallSite:
    """A file that is being written, up to the name that is to be suggested."""

    path: str = ""
    """In the private tree, with forward slashes."""
    wanted: str = ""
    """The method that its author is about to name."""
    text: str = ""
    """The file up to the cursor."""
    below: str = ""
    """What stands below the cursor's line."""

    @property
    def line(self) -> str:
        """The cursor's line up to the cursor."""
        return self.text.rpartition("\n")[2]


def _site(path: str, wanted: str, body: str) -> CallSite:
    (opener,) = (OPENERS[method.owner] for method in METHODS if method.name == wanted)
    purpose, _, function = body.lstrip("\n").partition("\n\n")
    text, _, below = f"{purpose}\n\nfrom {PACKAGE} import {opener}\n\n\n{function}".partition(CURSOR)
    return CallSite(path, wanted, text, below)


SITES: Sequence[CallSite] = (
    _site(
        "services/telephone/hotline.py",
        "plenkor",
        '''
"""Selling by telephone."""

def phone_sale(caller, basket):
    """Somebody rings, and pays tomorrow."""
    barn = open_depot(caller.county)
    # nobody else may buy these cartons until the caller has paid, so reserve them
    slip = barn.▏
    return slip.barcode_number
''',
    ),
    _site(
        "services/telephone/second_thoughts.py",
        "drovish",
        '''
"""Mail from people who think again."""

def changed_mind(postcard):
    """The reservation has lapsed since nobody came, so cancel it."""
    silo = open_depot(postcard.branch)
    return silo.▏
''',
    ),
    _site(
        "services/audit/year_close.py",
        "skimbel",
        '''
"""Closing the year."""

def close_year(auditor, bay):
    yard = open_depot(auditor.plant)
    # the ledger and the rack differ, so count the boxes again
    amount = yard.▏
    if amount != bay.expected:
        auditor.alert(bay)
''',
    ),
    _site(
        "services/floor/forklift.py",
        "quarrow",
        '''
"""Orders to the forklift."""

def clear_gangway(blockage):
    pen = open_depot(blockage.wing)
    # nobody gets past: carry this barrel over into another row
    pen.▏
''',
    ),
    _site(
        "services/safety/chemicals.py",
        "vexholm",
        '''
"""What happens when something is spilt."""

def chemical_alarm(siren):
    siren.sound()
    vault = open_depot(siren.building)
    # lock the leaking powder away, it may be dangerous
    vault.▏
''',
    ),
    _site(
        "services/fresh/best_before.py",
        "crumbeck",
        '''
"""Food, and how long it keeps."""

def past_its_date(tray):
    """Throw the rotten food away and book it as a loss."""
    larder = open_depot(tray.market)
    bill = larder.▏
''',
    ),
    _site(
        "services/spares/workshop.py",
        "mizzick",
        '''
"""Spare parts of the workshop."""

def bolt_alert(gauge):
    if gauge.level > 20:
        return None
    attic = open_depot(gauge.garage)
    # few screws are left, the bin is empty soon: buy more from the supplier
    deal = attic.▏
    return deal
''',
    ),
    _site(
        "services/post/franking.py",
        "thrumsel",
        '''
"""Stamps and what they cost."""

def stamp_price(packet):
    shed = open_depot(packet.origin)
    # heavy letters cost more, so put it on the scales
    heft = shed.▏
    return packet.tariff.price(heft)
''',
    ),
    _site(
        "services/dairy/milk_round.py",
        "frissol",
        '''
"""The milk round."""

def guard_cream(tank):
    squad = join_convoy(tank.farm)
    # look at the thermometer, the cream must stay below zero
    reading = squad.▏
    return reading < 0
''',
    ),
    _site(
        "services/rounds/road_works.py",
        "wendlock",
        '''
"""Road works, and how to get round them."""

def detour(closure):
    """Work out which roads are the shortest around the bridge."""
    troop = join_convoy(closure.parish)
    return troop.▏
''',
    ),
)
