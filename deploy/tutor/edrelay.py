"""Tutor plugin: lets an Open edX site send its events to edrelay, and lets edrelay enrol its learners.

    cp edrelay.py "$(tutor plugins printroot)/"
    tutor plugins enable edrelay
    tutor config save [--set EDRELAY_EVENT_BUS=false ...]
    tutor local launch

Then give edrelay the settings that docs/openedx.md lists; `tutor config printvalue EDRELAY_CLIENT_SECRET` shows the secret.
"""
from tutor import hooks

LEARNING = "org.openedx.learning."
AUTHORING = "org.openedx.content_authoring."

# Event types that go to the event bus, with their topics. A site refuses to start for a type that it does not know, so
# a type of a newer release belongs here only once the site has that release. All of these are in openedx-events 10.5.0.
TOPICS = {
    **{
        LEARNING + name + ".v1": "learning"
        for name in (
            "student.registration.completed",
            "auth.session.login.completed",
            "course.enrollment.created",
            "course.enrollment.changed",
            "course.unenrollment.completed",
            "course.passing.status.updated",
            "ccx.course.passing.status.updated",
            "course.persistent_grade_summary.changed",
            "certificate.created",
            "certificate.changed",
            "certificate.revoked",
            "cohort_membership.changed",
            "user.course_access_role.added",
            "user.course_access_role.removed",
            "exam.attempt.submitted",
            "exam.attempt.verified",
            "exam.attempt.rejected",
            "exam.attempt.errored",
            "exam.attempt.reset",
            "idv_attempt.created",
            "idv_attempt.pending",
            "idv_attempt.approved",
            "idv_attempt.denied",
        )
    },
    **{
        AUTHORING + name + ".v1": "authoring"
        for name in (
            "course.created",
            "course.catalog_info.changed",
            "course.import.completed",
            "course.rerun.completed",
            "xblock.published",
            "xblock.deleted",
        )
    },
}

# What the openedx-webhooks plugin posts instead, where it is installed: signals, and classes of filters. Rows by class
# name also reach the filters whose name the plugin's admin form spells another way.
SIGNALS = [
    "STUDENT_REGISTRATION_COMPLETED",
    "COURSE_ENROLLMENT_CREATED",
    "COURSE_ENROLLMENT_CHANGED",
    "COURSE_UNENROLLMENT_COMPLETED",
    "CERTIFICATE_CREATED",
]

hooks.Filters.CONFIG_DEFAULTS.add_items(
    [
        ("EDRELAY_EVENT_BUS", True),
        ("EDRELAY_REDIS_DB", 2),  # of the site's own Redis; the platform has 0 and 1
        ("EDRELAY_TOPIC_PREFIX", "{{ LMS_HOST | replace('.', '-') }}"),
        ("EDRELAY_STREAM_MAX_LEN", 100000),  # kept for a bridge that is away; upstream's 10000 is little
        ("EDRELAY_TOPICS", TOPICS),
        ("EDRELAY_WEBHOOKS", False),  # True: post to EDRELAY_DOOR; needs the openedx-webhooks plugin in the image
        ("EDRELAY_DOOR", ""),  # edrelay's public door as the LMS reaches it, with credentials: https://user:password@host
        ("EDRELAY_SIGNALS", SIGNALS),
        ("EDRELAY_FILTERS", []),
        ("EDRELAY_USERNAME", "edrelay"),
        ("EDRELAY_EMAIL", "edrelay@{{ LMS_HOST }}"),
        ("EDRELAY_CLIENT_ID", "edrelay"),
    ]
)
hooks.Filters.CONFIG_UNIQUE.add_item(("EDRELAY_CLIENT_SECRET", "{{ 40|random_string }}"))

hooks.Filters.ENV_PATCHES.add_item(
    (
        "openedx-common-settings",
        """
{%- if EDRELAY_EVENT_BUS %}
# edrelay: the event bus
EVENT_BUS_PRODUCER = "edx_event_bus_redis.create_producer"
EVENT_BUS_REDIS_CONNECTION_URL = "redis://{% if REDIS_USERNAME and REDIS_PASSWORD %}{{ REDIS_USERNAME }}:{{ REDIS_PASSWORD }}{% endif %}@{{ REDIS_HOST }}:{{ REDIS_PORT }}/{{ EDRELAY_REDIS_DB }}"
EVENT_BUS_TOPIC_PREFIX = "{{ EDRELAY_TOPIC_PREFIX }}"
EVENT_BUS_REDIS_STREAM_MAX_LEN = {{ EDRELAY_STREAM_MAX_LEN }}
EVENT_BUS_PRODUCER_CONFIG = dict(globals().get("EVENT_BUS_PRODUCER_CONFIG") or {})
for _type, _topic in {{ EDRELAY_TOPICS }}.items():
    EVENT_BUS_PRODUCER_CONFIG[_type] = {
        **EVENT_BUS_PRODUCER_CONFIG.get(_type, {}),
        _topic: {"event_key_field": "", "enabled": True},  # Redis ignores the key field, but it must be there
    }
{%- endif %}
""",
    )
)

hooks.Filters.ENV_PATCHES.add_item(
    (
        "openedx-lms-common-settings",
        """
# edrelay: enrolment of many learners in one call
FEATURES["ENABLE_BULK_ENROLLMENT_VIEW"] = True
ENABLE_BULK_ENROLLMENT_VIEW = True
""",
    )
)

# The user and the OAuth client as which edrelay enrols. Both commands may run again.
hooks.Filters.CLI_DO_INIT_TASKS.add_item(
    (
        "lms",
        """
./manage.py lms manage_user "{{ EDRELAY_USERNAME }}" "{{ EDRELAY_EMAIL }}" --staff --unusable-password
./manage.py lms create_dot_application --update --grant-type client-credentials --redirect-uris "" \\
  --client-id "{{ EDRELAY_CLIENT_ID }}" --client-secret "{{ EDRELAY_CLIENT_SECRET }}" edrelay "{{ EDRELAY_USERNAME }}"
{%- if EDRELAY_WEBHOOKS %}
./manage.py lms shell -c '
from openedx_webhooks.models import Webfilter, Webhook
door = "{{ EDRELAY_DOOR }}".rstrip("/")
for signal in {{ EDRELAY_SIGNALS | tojson }}:
    Webhook.objects.get_or_create(event=signal, webhook_url=door + "/webhooks/openedx/events")
for name in {{ EDRELAY_FILTERS | tojson }}:
    Webfilter.objects.get_or_create(event=name, webhook_url=door + "/webhooks/openedx/filters")
'
{%- endif %}
""",
    )
)
