"""Words of SQL (DuckDB's) that read JSON values which may have any shape. No input, no output.

A *value* is the text of a JSON value as `json_extract` gives it: `"abc"` with its quotes, `12`, `{…}`, NULL where it
is absent. What each word makes of it is what `wire/` makes of the same value in Python.
"""

LONGEST_TEXT = 256
LARGEST_COUNT = 2**53

WHITESPACE = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
"""What Python's strip() removes; SQL's trim would only remove blanks."""


_PLAIN_TAG = r'"[!-\[\]-~]([ -\[\]-~]*[!-\[\]-~])?"'
"""A JSON string of ASCII without an escape, that neither begins nor ends with a blank."""


def literal(text: str) -> str:
    """A text, however hostile, as an SQL literal."""
    # NUL cannot stand in a statement; chr(0) says the same.
    parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\0")]
    return parts[0] if len(parts) == 1 else "(" + " || chr(0) || ".join(parts) + ")"


def identifier(name: str) -> str:
    """A name, however hostile, as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def pointer(*keys: str) -> str:
    """The JSON pointer (RFC 6901) to a key below others: `~` and `/` are escaped, all else stands for itself."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


def member(document: str, *keys: str) -> str:
    """The value at a key of a JSON document, or of an object in it."""
    # As text: DuckDB casts a JSON string "12" to a number, but its text it does not.
    return f"CAST({node(document, *keys)} AS VARCHAR)"


def node(document: str, *keys: str) -> str:
    """The same as JSON, to build other JSON of it."""
    return f"json_extract({document}, {literal(pointer(*keys))})"


def valid(text: str) -> str:
    """A JSON document, mended where strict JSON would refuse it: SDKs write lone surrogates."""
    mended = f"regexp_replace({text}, '\\\\u[dD][89a-fA-F][0-9a-fA-F]{{2}}', '?', 'g')"
    return f"CASE WHEN json_valid({text}) THEN {text} WHEN json_valid({mended}) THEN {mended} END"


def is_object(value: str) -> str:
    """Whether it is a JSON object."""
    return f"coalesce(starts_with({value}, '{{'), false)"


def given(value: str) -> str:
    """The value, unless it is null or not there."""
    return f"nullif({value}, 'null')"


def unquoted(value: str) -> str:
    """The text of a JSON string; NULL for any other value."""
    return f"CASE WHEN starts_with({value}, '\"') THEN json_extract_string({value}, '$') END"


def short(text: str) -> str:
    """A name, cut where it is too long to be one; NULL where it is empty."""
    return f"left(nullif({text}, ''), {LONGEST_TEXT})"


def name(value: str) -> str:
    """A JSON string as a name."""
    return short(unquoted(value))


def tag(value: str) -> str:
    """The text of a tag; NULL (untagged) for an empty one and for what is no scalar."""
    # Nearly all are short ASCII without blanks around them. To find that out costs a tenth of what follows.
    plain = f"strlen({value}) <= {LONGEST_TEXT + 2} AND regexp_full_match({value}, {literal(_PLAIN_TAG)})"
    blank = literal(WHITESPACE)
    text = f"json_extract_string({value}, '$')"
    return (
        f"CASE WHEN {plain} THEN substr({value}, 2, strlen({value}) - 2) ELSE CASE left({value}, 1) WHEN '\"' THEN "
        f"nullif(rtrim(left(trim({text}, {blank}), {LONGEST_TEXT}), {blank}), '') "
        f"WHEN '{{' THEN NULL WHEN '[' THEN NULL WHEN 'n' THEN NULL ELSE {value} END END"
    )


def first(*texts: str) -> str:
    """The first that is there."""
    return f"coalesce({', '.join(texts)})" if texts else "NULL"


def count(value: str) -> str:
    """A token count; NULL for what cannot be one: negative, fractional, absurdly large, or no number."""
    number = f"TRY_CAST(CAST({value} AS VARCHAR) AS DOUBLE)"
    return (
        f"CASE WHEN {number} BETWEEN 0 AND {LARGEST_COUNT} AND {number} = trunc({number}) "
        f"THEN CAST({number} AS BIGINT) END"
    )


def pico(text: str) -> str:
    """A cost in USD as whole pico-dollars, exactly, half to even; NULL where it is none, or beyond a BIGINT.

    "0.0006760500" and "6.7605e-4" are both 676,050,000. The cast to 12 places rounds half away from zero:
    0.0000000000025 -> 3; where it lay exactly between two and the result is odd, the even neighbour is right: 2.
    """
    exact = f"TRY_CAST({text} AS DECIMAL(38, 28))"
    rounded = f"CAST({exact} AS DECIMAL(38, 12))"
    whole = f"TRY_CAST(replace(CAST({rounded} AS VARCHAR), '.', '') AS BIGINT)"
    tie = f"abs(CAST({rounded} AS DECIMAL(38, 28)) - {exact}) = 0.0000000000005"
    return f"({whole} - CASE WHEN {tie} AND {whole} % 2 <> 0 THEN sign({whole}) ELSE 0 END)"


def money(value: str) -> str:
    """A cost that is a JSON string or number, as its decimal text."""
    return (
        f"CASE left({value}, 1) WHEN '\"' THEN trim(json_extract_string({value}, '$')) "
        f"WHEN 't' THEN NULL WHEN 'f' THEN NULL ELSE {value} END"
    )


def entries(value: str) -> str:
    """The members of a JSON object as a list of (key, value), in its order; NULL for anything else."""
    return f"map_entries(TRY_CAST(CASE WHEN {is_object(value)} THEN CAST({value} AS JSON) END AS MAP(VARCHAR, JSON)))"


def milliseconds(start: str, end: str) -> str:
    """A length of time; NULL where clocks disagree, or it does not fit an INTEGER (24 days)."""
    length = f"((epoch_us({end}) - epoch_us({start})) // 1000)"
    return f"CASE WHEN {length} BETWEEN 0 AND {2**31 - 1} THEN {length} END"
