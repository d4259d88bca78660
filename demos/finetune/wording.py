"""How the people of the invented company speak of what its library does. Pure, and nothing but words.

The comments and docstrings of their services are made of these; those at the call sites that the demonstration asks at
are written by hand (``call_sites.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wording:
    """The words for one method; any deed goes with any object and any reason."""

    deeds: tuple[str, ...] = ()
    """``{}`` is where the object stands."""
    objects: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    """What its result is called."""


def _wording(deeds: str, objects: str, reasons: str, results: str) -> Wording:
    """One from words with commas between."""
    return Wording(*(tuple(words.split(", ")) for words in (deeds, objects, reasons, results)))


WORDING: Mapping[str, Wording] = {
    "plenkor": _wording(
        "reserve {}, set {} aside, hold {} back, earmark {}, put {} by",
        "the goods, these pieces, what was ordered, enough units, the cartons",
        "until the buyer has paid, for the order, so that nobody else buys them, "
        "before somebody else sells them, for the customer who called",
        "kept, reserved",
    ),
    "drovish": _wording(
        "release {}, cancel {}, give {} up, undo {}, withdraw {}",
        "the reservation, the claim, the booking, the old reservation, the lapsed claim",
        "now that the order was cancelled, as nobody came for it, so that others can have it again, "
        "because the buyer changed their mind, since it has lapsed",
        "freed, released",
    ),
    "skimbel": _wording(
        "count {}, recount {}, take stock of {}, tally {}, add {} up",
        "what lies on the shelf, the boxes one by one, all that is left, the rack, everything in the aisle",
        "for the yearly inventory, since the books differ, to compare with the ledger, "
        "at the end of the month, as the numbers are wrong",
        "counted, tally",
    ),
    "quarrow": _wording(
        "move {}, shift {}, carry {} over, bring {} across, push {} along",
        "the pallet, the crate, the barrel, the bulky box, the stack",
        "to the front row, from one rack to the other, closer to the gate, to make room, into the upper row",
        "moved, place",
    ),
    "vexholm": _wording(
        "quarantine {}, lock {} away, isolate {}, seal {} off, keep {} apart",
        "the contaminated lot, the leaking drums, the suspicious batch, the poisonous powder, "
        "the infected plants",
        "until an inspector has seen it, as it may be dangerous, before anybody touches it, "
        "because of the poison, for the inspection",
        "locked, isolated",
    ),
    "crumbeck": _wording(
        "write {} off, scrap {}, throw {} away, discard {}, destroy {}",
        "the broken pieces, the expired food, the rotten fruit, the worthless rest, what nobody can sell",
        "as a loss, since the date is past, because it is worth nothing, as rubbish, and book the loss",
        "loss, waste",
    ),
    "mizzick": _wording(
        "reorder {}, buy more of {}, replenish {}, top {} up, purchase {}",
        "what runs low, the missing parts, the screws, the article, the supplies",
        "from the supplier, before we run out, at the vendor, because few are left, "
        "as the bin is nearly empty",
        "purchase, supply",
    ),
    "yondrel": _wording(
        "find {}, look {} up, locate {}, search for {}, trace {}",
        "the right shelf, the lost box, the missing piece, its place in the hall, the aisle of the article",
        "so that the picker can fetch it, on the map of the hall, to show somebody the way, by its number, "
        "for whoever fetches it",
        "position, spot",
    ),
    "thrumsel": _wording(
        "weigh {}, put {} on the scales, check how heavy {} is, take the weight of {}, note the weight of {}",
        "the parcel, the sack, the letter, the full box, the load",
        "in grams, for the postage, since heavy ones cost more, before somebody lifts it, to the kilogram",
        "grams, weight",
    ),
    "ganterly": _wording(
        "print {}, stick {} on, glue {} on, attach {}, renew {}",
        "the label, the barcode, the sticker, a tag with the address, the printed label",
        "so that the scanner can read it, as the old one is torn, for the box, on the printer, "
        "before it leaves unmarked",
        "label, sticker",
    ),
    "lorrant": _wording(
        "load {}, stow {}, lift {}, dispatch {}, hand {} over",
        "the crates, the shipment, the packed pallets, the whole delivery, the freight",
        "onto the truck, at the ramp, before the lorry leaves, to the driver, onto the trailer",
        "loaded, shipped",
    ),
    "frissol": _wording(
        "read {}, measure {}, check {}, watch {}, look at {}",
        "the thermometer, the temperature, the cooling, the degrees, the frozen trailer",
        "so that nothing thaws, as the food is frozen, in the cooled trailer, since ice melts, "
        "because it must stay below zero",
        "degrees, celsius",
    ),
    "tollimer": _wording(
        "tell {}, inform {}, write to {}, warn {}, send word to {}",
        "the customer, the recipient, the shop, whoever waits, the addressee",
        "when we arrive, about the delay, that the delivery is late, of the hour of arrival, by mail",
        "message, notice",
    ),
    "wendlock": _wording(
        "plan {}, work {} out, calculate {}, choose {}, draw {} up",
        "the route, the shortest way, the tour, the order of the stops, the roads",
        "around the closed bridge, to save fuel, through the villages, with the fewest kilometres, "
        "for the next drive",
        "route, tour",
    ),
}
