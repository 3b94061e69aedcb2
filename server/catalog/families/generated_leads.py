"""Metrics of what became of those leads that were generated in a period: all of it counts when a lead was created, so
that rates divide the same leads.
"""

from server.catalog.metrics import Aggregation, Better, Definition, Measure, Ratio, Unit

PROJECTION = "leads"
_WHEN = "at the time of the creation"
_IN_CURRENCY = "in the currency of the dimension: amounts of different currencies are never added"
# Numbers, names and fields of what became of the leads that were generated in a period.
_COHORT = (
    (220, "leads_generated", "Leads generated", "generated", Better.HIGHER, "Leads: one per lead_id"),
    (221, "cohort_leads_contacted", "Contacted", "contacted", Better.HIGHER, "Leads that were contacted since"),
    (222, "cohort_leads_converted", "Converted", "converted", Better.HIGHER, "Leads that are converted by now"),
    (223, "cohort_leads_lost", "Lost", "lost", Better.LOWER, "Leads that are lost by now"),
)
_COHORT_RATES = (
    ("contact", "Contact rate", "cohort_leads_contacted", Better.HIGHER, "were contacted since"),
    ("conversion", "Conversion rate", "cohort_leads_converted", Better.HIGHER, "are converted by now"),
    ("loss", "Loss rate", "cohort_leads_lost", Better.LOWER, "are lost by now"),
)

METRICS: tuple[Definition, ...] = (
    *(
        Measure(
            number=number,
            name=name,
            title=title,
            description=f"{what}, {_WHEN}: its earliest lead.created, or else its first event."
            if field == "generated"
            else f"{what}, {_WHEN}.",
            unit=Unit.COUNT,
            aggregation=Aggregation.COUNT,
            better=better,
            field=field,
            projection=PROJECTION,
        )
        for number, name, title, field, better, what in _COHORT
    ),
    *(
        Measure(
            number=number,
            name=name,
            title=title,
            description=f"{what}, {_WHEN}, {_IN_CURRENCY}.",
            unit=Unit.MICROS,
            aggregation=Aggregation.SUM,
            better=Better.HIGHER,
            field=field,
            only_by=("currency",),
            projection=PROJECTION,
        )
        for number, name, title, field, what in (
            (224, "cohort_lead_value_micros", "Value of leads", "value", "Newest value of each lead"),
            (
                225,
                "cohort_converted_value_micros",
                "Revenue of leads",
                "converted_value",
                "Newest value of each lead that is converted by now",
            ),
        )
    ),
    Ratio(
        name="cohort_leads_open",
        title="Open",
        description="Leads generated in the period that are neither converted nor lost by now.",
        unit=Unit.COUNT,
        numerators=("leads_generated",),
        subtrahends=("cohort_leads_converted", "cohort_leads_lost"),
    ),
    *(
        Ratio(
            name=f"lead_{name}_rate",
            title=title,
            description=f"Leads generated in the period that {what} ÷ all leads generated in it.",
            unit=Unit.FRACTION,
            numerators=(numerator,),
            denominators=("leads_generated",),
            better=better,
        )
        for name, title, numerator, better, what in _COHORT_RATES
    ),
    Ratio(
        name="avg_lead_value_micros",
        title="Mean value of a lead",
        description=f"Newest value of the leads generated in the period ÷ those of them that have one, {_IN_CURRENCY}.",
        unit=Unit.MICROS,
        numerators=("cohort_lead_value_micros",),
        denominators=("cohort_lead_value_micros.count",),
        better=Better.HIGHER,
    ),
)
