"""Which readings of the documentation a real PBX turns out to follow.

What the documentation leaves open shows in how calls are reported. Counted here, so
that a download of diagnostics answers the questions that a bug report would raise.
"""

from collections.abc import Iterator

from .evidence import Evidence


def observations(evidence: Evidence) -> Iterator[str]:
    """Yield what the reports of a finished call show about its PBX.

    The comments name the open question (protocol 5.2, 5.3).
    """
    legs = evidence.legs.values()
    if legs:
        # One or two BYE reports; do losing legs say BYE or vanish?
        ended = sum(leg.ended for leg in legs)
        yield "all_said_bye" if ended == len(legs) else f"{min(ended, 2)}_said_bye"
        if any(leg.gone and not leg.ended and not leg.talked for leg in legs):
            yield "a_leg_vanished"
    # Is there a record at all; one or several; before or after the hang-up?
    yield f"{min(len(evidence.records), 2)}_records"
    for record in evidence.records:
        if record.phantom:
            yield "a_phantom_record"
        if record.taker is not None:
            yield "a_record_with_group_and_extension"
        if legs and evidence.hung_up_at is not None:
            late = record.heard_at > evidence.hung_up_at
            yield "record_after_hang_up" if late else "record_before_hang_up"
        if record.status not in _KNOWN_STATUS:
            yield "an_unknown_record_status"
    if evidence.failure is not None:
        yield "failed_with_record" if evidence.records else "failed_without_record"
    if evidence.unknown:
        yield "end_was_not_reported"


# event-NewCdr.html.
_KNOWN_STATUS = {"ANSWERED", "NO ANSWER", "BUSY", "VOICEMAIL", "FAILED"}
