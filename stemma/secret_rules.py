"""What secrets look like, as data with the source of each form. How the rules are applied lives in `secrets`.

A rule is tried on a text only where one of its `needs` stands in it, in any case: every match must hold one of them.
Every pattern is linear in the text: a run of characters is possessive or bounded, and either begins where no character
of its own class stands before it, or at a literal that the run cannot contain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Rule:
    """One kind of secret. Only the group `secret` of a match is replaced, or all of it where there is no such group."""

    name: str
    needs: tuple[str, ...]
    pattern: re.Pattern[str]
    source: str = field(repr=False)


def _rule(name: str, needs: str, pattern: str, source: str, flags: re.RegexFlag = re.ASCII) -> Rule:
    return Rule(name, tuple(needs.split()), re.compile(pattern, flags | re.ASCII), source)


_START = r"(?<![A-Za-z0-9_-])"

# Lines of base64, PEM headers, and what surrounds them in source text, escaped strings, diffs and numbered listings.
# The group's repeat is not possessive, for Python before 3.11.5 loses its place in one that holds an assertion; what
# follows it may be absent, so it is never gone back into.
_PEM_RUN = r"[A-Za-z0-9+/=\s\\:,.\"'()|→>]*+"
_PEM_BODY = rf"{_PEM_RUN}(?:-(?!----){_PEM_RUN}){{0,20000}}"

# Names of things that hold secrets, as code, shell, YAML, JSON and headers write them.
_STEMS = ("password", "passwd", "passphrase", "pwd", "secret", "token", "credential")
_KEYS_FOR = ("api", "access", "private", "encryption", "signing", "account", "auth", "session")
_NAME = rf"(?:{'|'.join(_STEMS)}|(?:{'|'.join(_KEYS_FOR)})[_-]?key)"
NAME_NEEDS = (*_STEMS, *(f"{use}{sign}key" for use in _KEYS_FOR for sign in ("", "_", "-")))

VENDOR_RULES = (
    _rule(
        "private-key",
        "private",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        + _PEM_BODY
        + r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?",
        "RFC 7468",
    ),
    _rule(
        "jwt",
        "eyj",
        _START + r"eyJ[A-Za-z0-9_-]{8,}+\.eyJ[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+)?",
        "RFC 7519",
    ),
    _rule(
        "aws-access-key",
        "akia asia abia acca a3t",
        r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}(?![A-Za-z0-9])",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html",
    ),
    _rule(
        "github-token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{30,}+|github_pat_[A-Za-z0-9_]{22,}+)",
        "https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/",
    ),
    _rule(
        "gitlab-token",
        "glpat- gldt- glrt- glptt- glcbt- glsoat- glft- glimt- glagent- gloas-",
        r"(?<![A-Za-z0-9])(?:gl(?:pat|dt|rt|ptt|cbt|soat|ft|imt|agent)-|gloas-)[A-Za-z0-9_-]{16,}+(?:\.[A-Za-z0-9.]{2,40})?",
        "https://docs.gitlab.com/security/tokens/#token-prefixes",
    ),
    _rule(
        "slack-token",
        "xox xapp-",
        _START + r"(?:xox[a-z](?:\.xox[a-z])?|xapp)-[A-Za-z0-9-]{10,}+",
        "https://docs.slack.dev/authentication/tokens",
    ),
    _rule(
        "slack-webhook",
        "hooks.slack.com",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9+/_-]{20,}+)",
        "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks",
    ),
    _rule(
        "stripe-key",
        "sk_live_ sk_test_ rk_live_ rk_test_ sk_prod_ rk_prod_ whsec_",
        r"(?<![A-Za-z0-9])(?:[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}+|whsec_[A-Za-z0-9+/=]{20,}+)",
        "https://docs.stripe.com/keys",
    ),
    _rule(
        "anthropic-key",
        "sk-ant-",
        _START + r"sk-ant-[A-Za-z0-9_-]{16,}+",
        "https://docs.claude.com/en/api/overview",
    ),
    _rule(
        "openai-key",
        "sk-",
        _START + r"sk-(?:(?:proj|svcacct|admin|None|or-v1)-[A-Za-z0-9_-]{20,}+|[A-Za-z0-9]{32,}+)",
        "https://platform.openai.com/docs/api-reference/authentication",
    ),
    _rule(
        "google-key",
        "aiza ya29. gocspx-",
        _START + r"(?:AIza[A-Za-z0-9_-]{35,}+|ya29\.[A-Za-z0-9_-]{20,}+|GOCSPX-[A-Za-z0-9_-]{20,}+)",
        "https://cloud.google.com/docs/authentication/api-keys",
    ),
    _rule(
        "registry-token",
        "npm_ pypi- dckr_pat_ rubygems_",
        r"(?<![A-Za-z0-9])(?:npm_[A-Za-z0-9]{30,}+|pypi-[A-Za-z0-9_-]{40,}+|dckr_pat_[A-Za-z0-9_-]{20,}+"
        r"|rubygems_[0-9a-f]{40,}+)",
        "https://docs.npmjs.com/about-access-tokens, https://pypi.org/help/#apitoken",
    ),
    _rule(
        "hugging-face-token",
        "hf_",
        r"(?<![A-Za-z0-9_])hf_[A-Za-z0-9]{30,}+",
        "https://huggingface.co/docs/hub/security-tokens",
    ),
    _rule(
        "sendgrid-key",
        "sg.",
        _START + r"SG\.[A-Za-z0-9_-]{16,}+\.[A-Za-z0-9_-]{30,}+",
        "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys",
    ),
    _rule(
        "cloud-token",
        "dop_v1_ doo_v1_ dor_v1_ shpat_ shpss_ shpca_ shppa_ dapi hvs. hvb. lin_api_ sntrys_ glsa_ ntn_",
        r"(?<![A-Za-z0-9])(?:do[por]_v1_[0-9a-f]{60,}+|shp(?:at|ss|ca|pa)_[0-9a-fA-F]{30,}+|dapi[0-9a-f]{32}(?:-\d)?"
        r"|hv[sb]\.[A-Za-z0-9_-]{24,}+|lin_api_[A-Za-z0-9]{30,}+|sntrys_[A-Za-z0-9+/=_]{40,}+|glsa_[A-Za-z0-9_]{30,}+"
        r"|ntn_[A-Za-z0-9]{40,}+)",
        "https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns",
    ),
    _rule(
        "age-key",
        "age-secret-key-1",
        r"AGE-SECRET-KEY-1[A-Z0-9]{50,}+",
        "https://github.com/C2SP/C2SP/blob/main/age.md",
    ),
    _rule(
        "telegram-token",
        ":aa",
        r"(?<![A-Za-z0-9])\d{8,10}:AA[A-Za-z0-9_-]{32,}+",
        "https://core.telegram.org/bots/api#authorizing-your-bot",
    ),
    _rule(
        "url-credentials",
        "://",
        # A password may itself hold an @: the last one before the path ends it.
        r"://(?:[^\s/:@\"'<>\\]{0,200}):(?P<secret>[^\s/\"'<>\\]{1,400})@(?=[^\s@])",
        "RFC 3986, section 3.2.1",
    ),
)

HEADER_RULES = (
    _rule(
        "authorization",
        "authorization",
        r"authorization\\*[\"']?\s{0,3}[:=,]\s{0,3}\\*[\"']?"
        r"(?P<secret>(?:(?:bearer|basic|token|digest|negotiate|apikey)\s{1,3})?(?![\s$<{%(])[^\s\"'\\,;)}\]]{6,}+)",
        "RFC 9110, section 11.6.2",
        re.IGNORECASE,
    ),
    _rule(
        "bearer",
        "bearer",
        r"\bbearer\s{1,3}(?P<secret>(?=[A-Za-z0-9._~+/=-]{0,200}\d)[A-Za-z0-9._~+/=-]{16,}+)",
        "RFC 6750, section 2.1",
        re.IGNORECASE,
    ),
    _rule(
        "cookie",
        "cookie:",
        r"cookie:[ \t]{0,3}(?P<secret>[A-Za-z0-9_.!#%&*+^`|~-]{1,100}=[^\r\n\"'\\]{6,}+)",
        "RFC 6265, section 4",
        re.IGNORECASE,
    ),
    _rule(
        "curl-user",
        "curl",
        r"(?<=\s)(?:-u|--user)[\s=]{0,3}[\"']?[^\s:\"'$]{1,100}:(?P<secret>[^\s\"'$]{1,200})",
        "https://curl.se/docs/manpage.html#-u",
    ),
    _rule(
        "command-flag",
        "--",
        rf"--(?:[a-z0-9]{{1,20}}-){{0,3}}{_NAME}(?:=|\s{{1,3}})[\"']?(?P<secret>[^\s\"'$<{{(-][^\s\"']{{3,}}+)",
        "POSIX.1-2024, utility conventions; GNU long options",
        re.IGNORECASE,
    ),
)

# What follows the value's run may be empty, so it is never gone back into (for why it is not possessive see
# `_PEM_BODY`), and a match is consumed even when it is then left alone: the text is read once. Each step of the run
# keeps 290 bytes, so it is bounded; a longer value goes on to the next quote or line end.
_QUOTED = (
    r"(?:[rbuf]{0,2}(?P<escaped>\\{1,8})?(?P<quote>\"\"\"|'''|[\"'`])"
    r"(?P<quoted>(?(escaped)(?:(?!(?P=quote))[^\\\r\n]|\\(?![\"'`])){1,100000}"
    r"|(?:(?!(?P=quote))[^\\\r\n]|\\.){1,100000})[^\"'`\r\n]*+))"
)
_BARE = r"(?P<bare>[^\s\"'`,;&)}\]<>\\]{4,}+)"

# Whether what this finds is a secret, and not an expression or a placeholder, is decided in `secrets`.
_SIGN = (
    r"(?P<sign>\s{0,3}(?:=>|:=|=|:[ ]?[A-Za-z][\w.| \[\]]{0,40}?=|:(?!:))\s{0,3}"
    r"|>(?=[^<]{1,200}</))"
)
ASSIGNMENT = Rule(
    "assignment",
    NAME_NEEDS,
    re.compile(
        rf"(?P<name>{_NAME})(?P<suffix>[A-Za-z0-9_-]{{0,30}}+)\\{{0,8}}[\"']?\]?"
        rf"(?:{_SIGN}(?:{_QUOTED}|{_BARE})|\s{{1,3}}(?=')(?P<spaced>'[^'\r\n]++))",
        re.IGNORECASE | re.ASCII,
    ),
    "OWASP Secrets Management Cheat Sheet",
)
# A name that ends so says something about a secret, and does not hold one.
ABOUT_SECRETS = re.compile(
    r"(?:^|[_-])(?:types?|counts?|limits?|names?|ids?|ur[il]|path|files?|fields?|label|hint|placeholder|len(?:gth)?|size"
    r"|expir(?:y|es|ation)|ttl|policy|pattern|regex|class|env|var|header|index|kind|ring|manager|provider|reset|required"
    r"|min|max|usage|used|budget|text)$",
    re.ASCII,
)

# Last words of an object key whose value is a secret, whatever it looks like.
SECRET_KEYS = re.compile(
    rf"(?:^|[_\-. ])(?:{_NAME}|credentials|secret[_-]?key|authorization|cookie)$", re.IGNORECASE | re.ASCII
)

# A command-line flag standing alone as one argument: the next argument is the secret.
SECRET_FLAG = re.compile(rf"--(?:[a-z0-9]{{1,20}}-){{0,3}}{_NAME}", re.IGNORECASE | re.ASCII)

# One line of a key's body, as a patch or a listing shows it.
KEY_LINE = re.compile(r"[\s+>|→0-9-]*+[A-Za-z0-9+/=\s]*+(?:-----END.*)?", re.ASCII)

RULES = (*VENDOR_RULES, *HEADER_RULES, ASSIGNMENT)
# `--` is left out: what follows it in a match is a name.
NEEDS = tuple(sorted({need for rule in RULES for need in rule.needs if need != "--"} | {"cookie"}))
