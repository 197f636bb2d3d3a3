"""Writes events.json: events as CPython would post them (JSON and form) and put them on the bus (Avro).

Run it by hand; tests only read the file. The Avro writer here is apart from the Go one on purpose: it writes values by
their Python type, so that both have to agree."""
import base64, json, struct
from datetime import datetime, timedelta, timezone
from urllib.parse import urlencode

UTC = timezone.utc
IST = timezone(timedelta(hours=5, minutes=30))


class Opt:
    """A value in a union with null."""

    def __init__(self, value):
        self.value = value


def user(n=7, name="Ana Núñez"):
    return {"id": n, "is_active": True, "pii": {"username": "ana", "email": "ana@learners.example", "name": name}}


def course(start=None, end=datetime(2026, 12, 31, tzinfo=UTC), key="course-v1:A+B+C"):
    return {"course_key": key, "display_name": "Küche & Co", "start": Opt(start), "end": Opt(end)}


L, C = "openedx_events.learning.data.", "openedx_events.content_authoring.data."
CASES = [
    ("org.openedx.learning.student.registration.completed.v1", "user", L + "UserData", user(9223372036854775807, 'O\'Neil "x" \x7f\x00 <&> 日本 😀')),
    ("org.openedx.learning.course.enrollment.created.v1", "enrollment", L + "CourseEnrollmentData", {
        "user": user(-9007199254740993), "course": course(datetime(2026, 1, 1, 2, 3, 4), datetime(2026, 1, 1, tzinfo=IST)), "mode": "audit",
        "is_active": False, "creation_date": datetime(2026, 3, 1, 9, 30, 0, 5000, tzinfo=UTC), "created_by": Opt(user())}),
    ("org.openedx.learning.course.enrollment.changed.v1", "enrollment", L + "CourseEnrollmentData", {
        "user": user(), "course": course(None, None, "Org/Old/Run"), "mode": "None", "is_active": True,
        "creation_date": datetime(2026, 3, 1, 9, 30, tzinfo=UTC), "created_by": Opt(None)}),
    ("org.openedx.learning.course.persistent_grade_summary.changed.v1", "grade", L + "PersistentCourseGradeData", {
        "user_id": 7, "course": course(), "course_edited_timestamp": datetime(2026, 1, 1, tzinfo=UTC), "course_version": "v",
        "grading_policy_hash": "", "percent_grade": 1e-05, "letter_grade": "", "passed_timestamp": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)}),
    ("org.openedx.learning.xblock.skill.verified.v1", "xblock_info", L + "XBlockSkillVerificationData", {
        "usage_key": "block-v1:A+B+C+type@html+block@x", "verified_skills": [1, 2], "ignored_skills": []}),
    ("org.openedx.learning.lti_provider.launch.success.v1", "launch_data", L + "LtiProviderLaunchData", {
        "user": user(), "course_key": "course-v1:A+B+C", "usage_key": "block-v1:A+B+C+type@html+block@x",
        "launch_params": {"roles": "Student", "context_id": "c", "user_id": "u", "extra_params": {"z": "1", "a": "None", "b c": "2026-01-01 00:00:00"}}}),
    ("org.openedx.content_authoring.content.object.associations.changed.v1", "content_object", C + "ContentObjectChangedData", {
        "object_id": "lb:A:B:html:x", "changes": ["tags", "it's", 'both \' and "', "日本"]}),
    ("org.openedx.content_authoring.course.catalog_info.changed.v1", "catalog_info", C + "CourseCatalogData", {
        "course_key": "course-v1:A+B+C", "name": "", "schedule_data": {"start": datetime(2026, 1, 1, tzinfo=UTC), "pacing": "self",
        "end": Opt(None), "enrollment_start": Opt(None), "enrollment_end": Opt(datetime(2026, 2, 1, 0, 0, 0, 1, tzinfo=UTC))}, "hidden": False, "invitation_only": True}),
]


def plain(v):
    """The plugin's serialiser: datetimes as str()."""
    if isinstance(v, Opt):
        return plain(v.value)
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, list):
        return [plain(x) for x in v]
    return str(v) if isinstance(v, datetime) else v


def iso(v):
    if isinstance(v, Opt):
        return iso(v.value)
    if isinstance(v, dict):
        return {k: iso(x) for k, x in v.items()}
    return v.isoformat() if isinstance(v, datetime) else v


def flat(value, prefix=""):
    out = {}
    for k, v in value.items():
        if isinstance(v, dict):
            out.update(flat(v, prefix + k + "_"))
        else:
            out[prefix + k] = str(v)
    return out


def long(n):
    n = (n << 1) ^ (n >> 63)
    out = b""
    while n & ~0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def avro(v, is_map=False):
    if isinstance(v, Opt):
        return long(0) if v.value is None else long(1) + avro(v.value)
    if isinstance(v, bool):
        return bytes([v])
    if isinstance(v, int):
        return long(v)
    if isinstance(v, float):
        return struct.pack("<d", v)
    if isinstance(v, datetime):
        return avro(v.isoformat())
    if isinstance(v, str):
        return long(len(v.encode())) + v.encode()
    if isinstance(v, list):
        return (long(len(v)) if v else b"") + b"".join(map(avro, v)) + long(0)
    if is_map:
        return (long(len(v)) if v else b"") + b"".join(avro(k) + avro(x) for k, x in v.items()) + long(0)
    return b"".join(avro(x, k == "extra_params") for k, x in v.items())


out = []
for i, (typ, key, cls, data) in enumerate(CASES):
    at = datetime(2026, 3, 1, 9, 30, i % 2, 654321 if i % 3 else 0, tzinfo=UTC)
    meta = {"event_type": typ, "id": f"00000000-0000-11f0-8000-{i:012d}", "minorversion": 0, "source": "openedx/lms/web", "sourcehost": "lms-1",
            "time": str(at)}
    out.append({
        "type": typ,
        "json": json.dumps({cls: plain(data), "event_metadata": {**meta, "sourcelib": [10, 5, 0]}}),
        "form": urlencode(flat({cls: plain(data), "event_metadata": {**meta, "sourcelib": (10, 5, 0)}})),
        "body": json.dumps({key: iso(data)}, separators=(",", ":"), ensure_ascii=False),
        "time": at.isoformat(),
        "avro": base64.b64encode(avro(data)).decode(),
    })
json.dump(out, open("events.json", "w"), indent=0, ensure_ascii=True)
