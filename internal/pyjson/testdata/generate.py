"""Writes python.json: what CPython's json and repr make of many texts. Run it by hand; tests only read the file."""
import json, random, struct

random.seed(20)
ALPHABET = "ab'\"\\/<>&\b\f\n\r\t\x00\x1f\x7f\x80\xa0\xe9\xad\u2028\u200b\u65e5\U0001f600\ud800\udc00\ufeff\U000e0001"


def text():
    return "".join(random.choice(ALPHABET) for _ in range(random.randrange(8)))


def number():
    pick = random.randrange(6)
    if pick == 0:
        return random.randrange(-(10 ** random.randrange(1, 40)), 10 ** 30)
    if pick == 1:
        return struct.unpack("d", struct.pack("Q", random.getrandbits(64)))[0]
    if pick == 2:
        return random.choice([0.0, -0.0, 1e16, 9999999999999998.0, 1e-4, 9.999e-5, 123456789.125, 5e-324, 1.7976931348623157e308])
    return round(random.uniform(-1e6, 1e6), random.randrange(7))


def value(depth=0):
    pick = random.randrange(9 if depth < 4 else 6)
    if pick == 0:
        return random.choice([None, True, False])
    if pick < 3:
        return number()
    if pick < 6:
        return text()
    if pick == 6:
        return [value(depth + 1) for _ in range(random.randrange(4))]
    return {text(): value(depth + 1) for _ in range(random.randrange(5))}


FIXED = [
    '{"a":1,"b":2,"a":3}', '{"b": 1, "a": {"d": 1, "c": 2}}', "-0", "-0.0", "1E5", "1.10", "1e400", "-1e400", "1e-400",
    "123456789012345678901234567890", '"\\ud83d\\ude00"', '"\\ud83d"', '"\\ude00\\ud83d"', '"\\ud83d\\u0041"', '"\\/"',
    " [ 1 , 2 ] \n", '"\u007f\u2028<>&"', "NaN", "[Infinity, -Infinity]", "{}", "[]", '""', '{"\U0001f600": 1, "\uffff": 2, "\ue000": 3}',
    "1" * 4300, "1e5", "0.1", "100000000000000000000.0", "12345678901234567.0",
]
BROKEN = [
    "", " ", "[", "[1", "[1,", "[1,]", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', "{a:1}", "{'a':1}", "01", "1.", ".5", "-", "+1", "1e",
    "--1", '"', '"a', '"\\', '"\\x"', '"\\u12"', '"\\u12G4"', '"\n"', '"\t"', '"a\x00"', "tru", "nul", "[1 2]", "1 2", "\ufeff1", "\u00a01",
    '{"a":\n [1,\n 2 3]}', '["\u65e5", x]', "1" * 4301, "{1:2}", '[1}', '{"a" 1}',
]


def good(source):
    v = json.loads(source)
    return {
        "source": ascii_safe(source),
        "compact": json.dumps(v, separators=(",", ":")),
        "spaced": json.dumps(v),
        "sorted": json.dumps(v, sort_keys=True, separators=(",", ":")),
        "unicode": ascii_safe(json.dumps(v, ensure_ascii=False)),
        "repr": ascii_safe(repr(v)),
    }


def ascii_safe(s):
    """Raw surrogates can't stand in a UTF-8 file; the reader undoes this."""
    return s.encode("utf-8", "surrogatepass").hex()


def bad(source):
    try:
        json.loads(source)
    except ValueError as e:
        message = str(e)
        if "4300" in message:
            message = "Exceeds the limit (4300 digits)"
        return {"source": ascii_safe(source), "error": message}
    raise SystemExit("parsed: " + source)


cases = [good(s) for s in FIXED]
cases += [good(json.dumps(value())) for _ in range(150)]
json.dump({"good": cases, "bad": [bad(s) for s in BROKEN]}, open("python.json", "w"), indent=0)
